import { LatencySketch, RELATIVE_ERROR, SlidingWindow, WindowReading } from '@dunlin/monitoring';
import { footprint } from './footprint.js';
import { exactQuantile, logNormalMs } from './log-normal.js';

/**
 * `node bench/dist/monitoring/soak.js [values]`: records a billion values (or as many as asked for) into one sketch and into a
 * window that turns meanwhile. Fails when memory grows after the first tenth, a value is lost, or a quantile is off. About two minutes.
 */
const VALUES = Number(process.argv[2] ?? 1_000_000_000);
const SAMPLE = 1 << 20;
/** So the hour is full after a tenth. */
const A_SLOT = Math.floor(VALUES / 10_000);
const SLOT_MS = 5_000;
const ALLOWED_GROWTH_BYTES = 262_144;

if (!Number.isInteger(VALUES) || VALUES < 10 * SAMPLE) {
  console.error(`${process.argv[2] ?? ''} was given, allowed is a whole number of at least ${10 * SAMPLE}`);
  process.exit(2);
}

const sample = logNormalMs(SAMPLE, 11);
const sketch = new LatencySketch();
const window = new SlidingWindow(0, 0);
const reading = new WindowReading(0);
let nowMs = 0;
let afterTenth = 0;
const started = performance.now();
for (let recorded = 0; recorded < VALUES; recorded += 1) {
  const ms = sample[recorded & (SAMPLE - 1)]!;
  sketch.record(ms);
  window.open.record(ms);
  if (recorded % A_SLOT === 0) window.turn((nowMs += SLOT_MS));
  // By then every slot of the window is in use.
  if (recorded === Math.floor(VALUES / 10)) afterTenth = await footprint();
}
const grown = (await footprint()) - afterTenth;
window.read(3600, nowMs, reading);
const exact = sample.toSorted();
const errors = [0.5, 0.95, 0.99].map((q) => Math.abs(sketch.quantileMs(q) / exactQuantile(exact, q) - 1));
const told = {
  values: VALUES,
  seconds: Math.round((performance.now() - started) / 1000),
  grownBytes: grown,
  counted: sketch.count,
  windowCounted: window.lifetimeCount + window.open.count,
  worstError: Math.max(...errors),
  windowBytes: window.sizeBytes(),
};
console.log(JSON.stringify(told, undefined, 2));
// The sample repeats, so its last part may be there once more than the rest: a hair beside the sketch's own error.
const holds =
  grown < ALLOWED_GROWTH_BYTES &&
  told.counted === VALUES &&
  told.windowCounted === VALUES &&
  told.worstError <= RELATIVE_ERROR + 0.001;
console.log(holds ? 'holds' : 'DOES NOT HOLD');
process.exitCode = holds ? 0 : 1;
