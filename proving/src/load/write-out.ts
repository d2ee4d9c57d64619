import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadOutcome } from './outcome.js';
import { plot } from './plot.js';

/** Writes `load.json` and `load.svg` into the folder, which is made if need be; answers with their paths. */
export function writeOut(folder: string, outcome: LoadOutcome): string[] {
  mkdirSync(folder, { recursive: true });
  const [figures, picture] = [join(folder, 'load.json'), join(folder, 'load.svg')];
  writeFileSync(figures, `${JSON.stringify(outcome, undefined, 2)}\n`);
  writeFileSync(picture, plot(outcome));
  return [figures, picture];
}
