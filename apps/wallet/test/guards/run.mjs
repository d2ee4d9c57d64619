// Takes each guard of the ledger out of the schema in turn and requires that the tests notice. From the repository's root:
//   node apps/wallet/test/guards/run.mjs [words of a name]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { guards } from './guards.mjs';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));
const wanted = process.argv.slice(2).join(' ');
const longestRunMs = 120_000;
let unnoticed = 0;

function runTests({ tests, named }, withoutGuard) {
  const args = ['vitest', 'run', '--bail', '1', '--reporter', 'dot', '--testTimeout', '30000', '-t', named, tests];
  const env = { ...process.env, ...(withoutGuard === undefined ? {} : { DUNLIN_WITHOUT_GUARD: withoutGuard }) };
  return spawnSync('npx', args, {
    cwd: repository,
    env,
    encoding: 'utf8',
    timeout: longestRunMs,
    killSignal: 'SIGTERM',
  });
}

/** Whether every test passed, one failed, or none could even run: a run of the last kind would prove nothing. */
function verdict(run) {
  if (!/Tests .*\d+ (failed|passed)/.test(run.stdout)) return 'not run';
  return run.status === 0 ? 'green' : 'red';
}

const chosen = guards.filter(({ name }) => name.includes(wanted));
// With every guard in place the tests must pass, or a red below would say nothing of the guard.
for (const tests of new Set(chosen.map((guard) => guard.tests))) {
  const named = chosen
    .filter((guard) => guard.tests === tests)
    .map((guard) => guard.named)
    .join('|');
  const run = runTests({ tests, named });
  if (verdict(run) === 'green') continue;
  console.log(run.stdout.slice(-4_000), run.stderr.slice(-2_000));
  console.log(`${tests}: the tests fail with every guard in place`);
  process.exit(1);
}
for (const guard of chosen) {
  const run = runTests(guard, guard.sql);
  const ended = verdict(run);
  if (ended !== 'red') unnoticed += 1;
  console.log(`${ended === 'red' ? 'noticed  ' : 'UNNOTICED'}  ${guard.name}`);
  if (ended === 'not run') console.log(run.stdout.slice(-2_000), run.stderr.slice(-2_000));
}
console.log(`${unnoticed} of ${chosen.length} guards could be taken out unnoticed`);
process.exitCode = unnoticed === 0 && chosen.length > 0 ? 0 : 1;
