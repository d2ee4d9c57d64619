import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { carryOut } from '../carry-out.js';
import { readChaosOptions } from './options.js';
import { runChaos } from './run-chaos.js';
import { chaosWords } from './words.js';

// The process entry of `npm run chaos`, run by scripts/proving.mjs.
const options = readChaosOptions(process.argv.slice(2));
await carryOut(async (signal) => {
  // With --json standard output is one document; the seed is said first either way.
  const say = (line: string): void => void (options.json ? process.stderr : process.stdout).write(`${line}\n`);
  const outcome = await runChaos(options, signal, say);
  if (options.out !== undefined) {
    mkdirSync(options.out, { recursive: true });
    writeFileSync(join(options.out, 'chaos.json'), `${JSON.stringify(outcome, undefined, 2)}\n`);
  }
  process.stdout.write(`${options.json ? JSON.stringify(outcome, undefined, 2) : `\n${chaosWords(outcome)}`}\n`);
  return outcome.held ? 0 : 1;
});
