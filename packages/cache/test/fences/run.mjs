// Takes each fence out of a copy of the sources and requires that the tests notice. Run from the repository's root:
//   node packages/cache/test/fences/run.mjs [words of a name]
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fences } from './fences.mjs';

const packageRoot = fileURLToPath(new URL('../..', import.meta.url));
const repository = fileURLToPath(new URL('../../../..', import.meta.url));
const mutant = `${packageRoot}dist/mutant`;
const wanted = process.argv.slice(2).join(' ');
const longestRunMs = 120_000;
let unnoticed = 0;

function runTests(tests) {
  const args = [
    'vitest',
    'run',
    '--config',
    'packages/cache/test/fences/vitest.config.ts',
    `packages/cache/test/${tests}`,
  ];
  const env = { ...process.env, DUNLIN_MUTANT: mutant };
  return spawnSync('npx', args, { cwd: repository, env, encoding: 'utf8', timeout: longestRunMs });
}

function copySources() {
  rmSync(mutant, { recursive: true, force: true });
  mkdirSync(mutant, { recursive: true });
  for (const folder of ['src', 'lua']) cpSync(`${packageRoot}${folder}`, `${mutant}/${folder}`, { recursive: true });
}

for (const fence of fences.filter(({ name }) => name.includes(wanted))) {
  copySources();
  const path = `${mutant}/${fence.file}`;
  const before = readFileSync(path, 'utf8');
  if (!before.includes(fence.find))
    throw new Error(`${fence.name}: ${fence.file} no longer holds what is to be taken out`);
  writeFileSync(
    path,
    before.replace(fence.find, () => fence.put),
  );
  const run = runTests(fence.tests);
  // A run that could not even start would prove nothing.
  const ran = /Tests .*\d+ (failed|passed)/.test(run.stdout);
  const noticed = ran && run.status !== 0;
  if (!noticed) unnoticed += 1;
  console.log(`${noticed ? 'noticed  ' : 'UNNOTICED'}  ${fence.name}`);
  if (!ran) console.log(run.stdout.slice(-2_000), run.stderr.slice(-2_000));
}
rmSync(mutant, { recursive: true, force: true });
console.log(`${unnoticed} of the fences could be taken out unnoticed`);
process.exitCode = unnoticed === 0 ? 0 : 1;
