import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { LatencySketch } from '../src/metrics/latency-sketch.js';
import { SlidingWindow } from '../src/metrics/sliding-window.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

async function footprint(): Promise<number> {
  for (let i = 0; i < 3; i += 1) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

// The long form, a billion values, is bench/src/monitoring/soak.ts.
it('twenty million values leave memory as it was, and none is lost', async () => {
  const VALUES = 20_000_000;
  const sketch = new LatencySketch();
  const window = new SlidingWindow(0, 0);
  let seed = 5;
  let afterTenth = 0;
  for (let i = 0; i < VALUES; i += 1) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    const ms = (seed / 2 ** 32) ** 4 * 1_000;
    sketch.record(ms);
    window.open.record(ms);
    if (i % 2_000 === 0) window.turn(i * 2.5);
    if (i === VALUES / 10) afterTenth = await footprint();
  }
  // What the runtime itself lets go of later is none of it.
  await expect.poll(async () => (await footprint()) - afterTenth, { timeout: 20_000 }).toBeLessThan(256 * 1024);
  expect(sketch.count).toBe(VALUES);
  expect(window.lifetimeCount + window.open.count).toBe(VALUES);
  // The median of a uniform value's fourth power: 0.5⁴ of a second.
  expect(Math.abs(sketch.quantileMs(0.5) / 62.5 - 1)).toBeLessThan(0.01);
});
