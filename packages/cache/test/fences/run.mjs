// Takes each fence out of a copy of the sources and requires that the tests notice. Run from the repository's root:
//   node packages/cache/test/fences/run.mjs [words of a name]
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
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
  build();
  // The tests themselves take the copy's sources, the processes that they start what was built of them.
  const built = pathToFileURL(`${mutant}/dist/index.js`).href;
  const env = { ...process.env, DUNLIN_MUTANT: mutant, DUNLIN_CACHE_MODULE: built };
  return spawnSync('npx', args, { cwd: repository, env, encoding: 'utf8', timeout: longestRunMs });
}

function copySources() {
  rmSync(mutant, { recursive: true, force: true });
  mkdirSync(mutant, { recursive: true });
  for (const folder of ['src', 'lua']) cpSync(`${packageRoot}${folder}`, `${mutant}/${folder}`, { recursive: true });
}

/** Makes JavaScript of the copy, file by file; its types were checked where it came from. */
function build() {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true };
  for (const file of readdirSync(`${mutant}/src`, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const path = `${mutant}/dist/${file.replace(/\.ts$/, '.js')}`;
    mkdirSync(dirname(path), { recursive: true });
    const source = readFileSync(`${mutant}/src/${file}`, 'utf8');
    writeFileSync(path, ts.transpileModule(source, { compilerOptions, fileName: `${mutant}/src/${file}` }).outputText);
  }
}

/** Whether every test passed, failed, or could not even run; a run of the last kind would prove nothing. */
function verdict(run) {
  if (!/Tests .*\d+ (failed|passed)/.test(run.stdout)) return 'not run';
  return run.status === 0 ? 'green' : 'red';
}

function takeOut(fence) {
  const path = `${mutant}/${fence.file}`;
  const before = readFileSync(path, 'utf8');
  if (!before.includes(fence.find))
    throw new Error(`${fence.name}: ${fence.file} no longer holds what is to be taken out`);
  writeFileSync(
    path,
    before.replace(fence.find, () => fence.put),
  );
}

const chosen = fences.filter(({ name }) => name.includes(wanted));
try {
  // With every fence in place the copy must pass, or a red below would say nothing of the fence.
  copySources();
  for (const tests of new Set(chosen.map((fence) => fence.tests))) {
    const run = runTests(tests);
    if (verdict(run) === 'green') continue;
    console.log(run.stdout.slice(-4_000), run.stderr.slice(-2_000));
    throw new Error(`${tests}: the tests fail with every fence in place`);
  }
  for (const fence of chosen) {
    copySources();
    takeOut(fence);
    const run = runTests(fence.tests);
    const ended = verdict(run);
    if (ended !== 'red') unnoticed += 1;
    console.log(`${ended === 'red' ? 'noticed  ' : 'UNNOTICED'}  ${fence.name}`);
    if (ended === 'not run') console.log(run.stdout.slice(-2_000), run.stderr.slice(-2_000));
  }
} finally {
  // The sources themselves were never touched.
  rmSync(mutant, { recursive: true, force: true });
}
console.log(`${unnoticed} of ${chosen.length} fences could be taken out unnoticed`);
process.exitCode = unnoticed === 0 && chosen.length > 0 ? 0 : 1;
