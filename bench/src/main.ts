import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runAll } from './harness/run-all.js';
import { runSuite } from './harness/run-suite.js';
import { withBenchSection } from './readme/readme-section.js';
import { findSuite, suiteNames } from './suites.js';

const benchFolder = dirname(dirname(fileURLToPath(import.meta.url)));

const resultsFolder = join(benchFolder, 'results');

/**
 * `bench [name …] [--rounds n] [--only part] [--readme]`. Without a name: all of them, and one report of all. Ends with 0 when every target
 * holds, 1 when one was missed or could not be measured, and 2 when it was asked for something that there is not.
 */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      only: { type: 'string' },
      readme: { type: 'boolean', default: false },
    },
  });
  if (values.readme) return writeReadme();
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
  const [name = ''] = names;
  if (names.length === 1) return (await runOne(name, rounds, values.only)) ? 0 : 1;
  if (values.only !== undefined) {
    console.error('--only: wants the name of one bench before it');
    return 2;
  }
  const allHold = await runAll(names, {
    program: fileURLToPath(import.meta.url),
    words: ['--rounds', String(rounds)],
    resultsFolder,
    saves: positionals.length === 0,
    say: (line) => console.log(line),
  });
  return allHold ? 0 : 1;
}

async function runOne(name: string, rounds: number, only: string | undefined): Promise<boolean> {
  const suite = await findSuite(name);
  return runSuite(suite, { rounds, only, resultsFolder, versions: peerVersions(), say: (line) => console.log(line) });
}

/** Brings the README's table up to date with the saved results. */
function writeReadme(): number {
  const path = join(dirname(benchFolder), 'README.md');
  writeFileSync(path, withBenchSection(readFileSync(path, 'utf8'), resultsFolder, suiteNames));
  console.log('README.md holds what bench/results holds.');
  return 0;
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
