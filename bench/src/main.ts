import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runSuite } from './harness/run-suite.js';
import { findSuite, suiteNames } from './suites.js';

const benchFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * `bench [name …] [--rounds n] [--only part]`. Ends with 0 when every target holds, 1 when one was missed or could not be measured, and 2
 * when it was asked for something that there is not.
 */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: 'string', default: '5' }, only: { type: 'string' } },
  });
  const rounds = Number(values.rounds);
  // What is only tried and not saved may do with fewer.
  const fewest = values.only === undefined ? 5 : 1;
  if (!Number.isInteger(rounds) || rounds < fewest || rounds > 50) {
    console.error(`--rounds: ${values.rounds} was given, allowed is a whole number from ${fewest} to 50`);
    return 2;
  }
  const names = positionals.length > 0 ? positionals : suiteNames;
  const unknown = names.filter((name) => !suiteNames.includes(name));
  if (unknown.length > 0) {
    console.error(`There is no bench named ${unknown.join(', ')}; there are: ${suiteNames.join(', ')}`);
    return 2;
  }
  let allHold = true;
  for (const name of names) {
    const suite = await findSuite(name);
    const holds = await runSuite(suite, {
      rounds,
      only: values.only,
      resultsFolder: join(benchFolder, 'results'),
      versions: peerVersions(),
      say: (line) => console.log(line),
    });
    allHold &&= holds;
  }
  return allHold ? 0 : 1;
}

/** The versions that are installed, which may be newer than those that were asked for. */
function peerVersions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const own = JSON.parse(readFileSync(join(benchFolder, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const peers = Object.keys(own.devDependencies).filter(
    (name) => !name.startsWith('@dunlin/') && !name.startsWith('@types/'),
  );
  return Object.fromEntries(peers.map((name) => [name, installedVersion(require, name)]));
}

/** A package may hide its package.json from `require`, so it is read where npm puts it. */
function installedVersion(require: NodeJS.Require, name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')) as { version: string };
      return manifest.version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return 'not found';
}

// Ends by way of the exit handlers, which end the servers and workers that were started.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(code));
}
process.exitCode = await main();
