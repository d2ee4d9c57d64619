import { carryOut } from '../carry-out.js';
import { readLoadOptions } from './options.js';
import { runLoad } from './run-load.js';
import { loadWords } from './words.js';
import { writeOut } from './write-out.js';

// The process entry of `npm run load`, run by scripts/proving.mjs.
const options = readLoadOptions(process.argv.slice(2));
await carryOut(async (signal) => {
  const outcome = await runLoad(options, process.env, signal);
  process.stdout.write(`${options.json ? JSON.stringify(outcome, undefined, 2) : `\n${loadWords(outcome)}`}\n`);
  if (options.out !== undefined) process.stderr.write(`Written: ${writeOut(options.out, outcome).join(', ')}\n`);
  return outcome.faults.length === 0 ? 0 : 1;
});
