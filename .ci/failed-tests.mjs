// failed-tests.mjs [--files] <report>: what failed, by vitest's JSON report.
// Prints the failed tests and how each began to say why; with --files their files instead, one a line, and exits with 1 where
// there are none, too many for chance, or one that chance has no part in.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** Enough of a message to tell an assertion from a time that ran out. */
const LINES = 6;
/** So many tests may fail by chance. */
const BY_CHANCE = 3;
/** Never these: they wait at gates and count money, so chance has no part in them, and a race lost once in fifty runs is a race. */
const NEVER_BY_CHANCE =
  /^apps\/wallet\/test\/(ledger|tokens|guards)\/|^packages\/cache\/test\/(race|properties|coherence)/;

const wantsFiles = process.argv[2] === '--files';
const path = process.argv.at(-1);
if (!existsSync(path)) {
  if (!wantsFiles) console.log('-- npm test left no report');
  process.exit(wantsFiles ? 1 : 0);
}
const failures = JSON.parse(readFileSync(path, 'utf8')).testResults.flatMap((file) => {
  const name = relative(process.cwd(), file.name);
  const failed = file.assertionResults.filter((test) => test.status === 'failed');
  if (file.status === 'failed' && failed.length === 0) return [{ file: name, what: name, message: file.message }];
  return failed.map((test) => ({
    file: name,
    what: `${name}: ${test.fullName} (${Math.round(test.duration ?? 0)} ms)`,
    message: test.failureMessages.join('\n'),
  }));
});
if (wantsFiles) {
  if (failures.length === 0 || failures.length > BY_CHANCE) process.exit(1);
  if (failures.some(({ file }) => NEVER_BY_CHANCE.test(file))) process.exit(1);
  console.log([...new Set(failures.map(({ file }) => file))].join('\n'));
} else {
  for (const { what, message } of failures) {
    console.log(`-- ${what}\n     ${message.split('\n').slice(0, LINES).join('\n     ')}`);
  }
}
