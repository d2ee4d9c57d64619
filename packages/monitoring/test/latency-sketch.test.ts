import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencySketch, RELATIVE_ERROR } from '../src/metrics/latency-sketch.js';

const MICROSECOND = 0.001;
const TEN_MINUTES = 600_000;

/** Durations over the whole promised range, spread evenly over its orders of magnitude. */
const duration = fc
  .double({ min: Math.log(MICROSECOND), max: Math.log(TEN_MINUTES), noNaN: true })
  .map((exponent) => Math.min(TEN_MINUTES, Math.max(MICROSECOND, Math.exp(exponent))));
const durations = fc.array(duration, { minLength: 1, maxLength: 400 });

function sketchOf(values: readonly number[]): LatencySketch {
  const sketch = new LatencySketch();
  for (const value of values) sketch.record(value);
  return sketch;
}

function exactQuantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
}

function bucketsOf(sketch: LatencySketch): number[] {
  return [...sketch.encode().subarray(25)];
}

describe('LatencySketch', () => {
  it('tells every quantile within its stated error, from one microsecond to ten minutes', () => {
    expect(RELATIVE_ERROR).toBeLessThanOrEqual(0.01);
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const exact = exactQuantile(values, q);
        // Values pass through a 32-bit float on the way to their bucket, which adds one part in sixteen million.
        expect(Math.abs(sketchOf(values).quantileMs(q) - exact) / exact).toBeLessThanOrEqual(RELATIVE_ERROR + 1e-6);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps count, sum, smallest and largest exactly', () => {
    fc.assert(
      fc.property(durations, (values) => {
        const sketch = sketchOf(values);
        expect(sketch.count).toBe(values.length);
        expect(sketch.sumMs).toBe(values.reduce((sum, value) => sum + value, 0));
        expect(sketch.quantileMs(1)).toBe(Math.max(...values));
        expect(sketch.minMs).toBe(Math.min(...values));
      }),
    );
  });

  it('merges to the sketch of the union', () => {
    fc.assert(
      fc.property(durations, durations, (left, right) => {
        const merged = sketchOf(left);
        merged.merge(sketchOf(right));
        const union = sketchOf([...left, ...right]);
        expect(bucketsOf(merged)).toEqual(bucketsOf(union));
        expect([merged.count, merged.minMs, merged.maxMs]).toEqual([union.count, union.minMs, union.maxMs]);
        expect(merged.sumMs).toBeCloseTo(union.sumMs, 3);
      }),
    );
  });

  it('comes back from its bytes as it was', () => {
    fc.assert(
      fc.property(fc.array(duration, { maxLength: 300 }), (values) => {
        const sketch = sketchOf(values);
        const back = LatencySketch.decode(sketch.encode());
        expect(back.encode()).toEqual(sketch.encode());
        expect([back.count, back.sumMs, back.minMs, back.maxMs]).toEqual([
          sketch.count,
          sketch.sumMs,
          sketch.minMs,
          sketch.maxMs,
        ]);
      }),
    );
  });

  it('refuses bytes that it did not make', () => {
    expect(() => LatencySketch.decode(new Uint8Array(3))).toThrow(RangeError);
    const wrongVersion = sketchOf([1]).encode();
    wrongVersion[0] = 9;
    expect(() => LatencySketch.decode(wrongVersion)).toThrow(RangeError);
    const cut = sketchOf([5, 900]).encode();
    expect(() => LatencySketch.decode(cut.subarray(0, cut.length - 1))).toThrow(RangeError);
    const beyond = new Uint8Array([...sketchOf([]).encode(), 0xff, 0x7f, 1]);
    expect(() => LatencySketch.decode(beyond)).toThrow(RangeError);
  });

  it('counts what is no duration apart and takes what is out of range to the edge', () => {
    const sketch = sketchOf([NaN, -1, Infinity, -Infinity, 0, 1e9]);
    expect(sketch.rejected).toBe(4);
    expect(sketch.count).toBe(2);
    expect(sketch.quantileMs(0.5)).toBeLessThan(MICROSECOND);
    expect(sketch.quantileMs(1)).toBe(1e9);
  });

  it('records many equal durations as if one by one', () => {
    fc.assert(
      fc.property(duration, fc.integer({ min: 1, max: 50 }), (value, times) => {
        const many = new LatencySketch();
        many.recordMany(value, times);
        expect(bucketsOf(many)).toEqual(bucketsOf(sketchOf(new Array<number>(times).fill(value))));
        expect(many.count).toBe(times);
      }),
    );
  });

  it('stays within one percent on a log-normal sample of 200,000', () => {
    // A fixed linear congruential generator: the same sample on every machine.
    let seed = 42;
    const uniform = (): number => (seed = (seed * 1_664_525 + 1_013_904_223) >>> 0) / 2 ** 32 || 1e-9;
    const values = Array.from({ length: 200_000 }, () =>
      Math.exp(2 + Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())),
    );
    const sketch = sketchOf(values);
    for (const q of [0.5, 0.95, 0.99, 0.999]) {
      expect(Math.abs(sketch.quantileMs(q) / exactQuantile(values, q) - 1)).toBeLessThanOrEqual(0.01);
    }
  });
});
