import { readFileSync, watchFile } from 'node:fs';

/*
 * Loaded into a wallet before anything else (`node --import`): lets the wall clock of that process jump while it runs, by the number of
 * milliseconds that stands in a file. Only `Date` is moved: `performance.now()`, `process.hrtime()` and timers go on, as a monotonic clock
 * does when somebody sets the machine's time.
 */
const file = process.env['CHAOS_CLOCK_FILE'] ?? '';
const lookEveryMs = 50;
const RealDate = Date;
let shiftMs = 0;

function look() {
  const read = Number(readFileSync(file, 'utf8'));
  if (Number.isFinite(read)) shiftMs = read;
}

const now = () => RealDate.now() + shiftMs;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, words, newTarget) => Reflect.construct(target, words.length === 0 ? [now()] : words, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
});
look();
// Not persistent: a process that has nothing else to do ends.
watchFile(file, { interval: lookEveryMs, persistent: false }, look);
