// Prints which tests failed and how each began to say why, from vitest's JSON report. Without a report it says so.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** Enough of a message to tell an assertion from a time that ran out. */
const LINES = 6;

const path = process.argv[2];
if (!existsSync(path)) {
  console.log('-- npm test left no report');
  process.exit(0);
}
const begin = (message) => message.split('\n').slice(0, LINES).join('\n     ');
for (const file of JSON.parse(readFileSync(path, 'utf8')).testResults) {
  const name = relative(process.cwd(), file.name);
  const failed = file.assertionResults.filter((test) => test.status === 'failed');
  for (const test of failed)
    console.log(
      `-- ${name}: ${test.fullName} (${Math.round(test.duration ?? 0)} ms)\n     ${begin(test.failureMessages.join('\n'))}`,
    );
  if (file.status === 'failed' && failed.length === 0) console.log(`-- ${name}\n     ${begin(file.message)}`);
}
