import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogSketch } from '../src/queries/log-sketch.js';

describe('a sketch of durations', () => {
  it('knows every quantile within 1.6 % of the exact one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 3_600_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
        (values) => {
          const sketch = new LogSketch();
          for (const value of values) sketch.record(value);
          const sorted = [...values].sort((a, b) => a - b);
          for (const q of [0, 0.5, 0.95, 0.99, 1]) {
            const exact = sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] as number;
            expect(Math.abs(sketch.quantile(q) - exact) / exact).toBeLessThanOrEqual(0.016);
          }
        },
      ),
    );
  });

  it('merges to what one sketch of everything would say', () => {
    const [left, right, all] = [new LogSketch(), new LogSketch(), new LogSketch()];
    for (let i = 1; i <= 1000; i += 1) {
      (i % 3 === 0 ? left : right).record(i / 7);
      all.record(i / 7);
    }
    left.merge(right);
    for (const q of [0.1, 0.5, 0.99]) expect(left.quantile(q)).toBe(all.quantile(q));
    expect([left.count, left.maxMs]).toEqual([all.count, all.maxMs]);
  });

  it('takes nothing, zero, a clock that went backwards and a very long time', () => {
    const sketch = new LogSketch();
    expect(sketch.quantile(0.5)).toBe(0);
    for (const value of [0, -3, Number.NaN]) sketch.record(value);
    expect([sketch.count, sketch.quantile(1), sketch.sumMs]).toEqual([3, 0, 0]);
    sketch.record(1e12);
    expect(sketch.maxMs).toBe(1e12);
  });
});
