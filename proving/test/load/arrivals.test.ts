import { seededRandom } from '@dunlin/wallet/demo/random';
import { describe, expect, it } from 'vitest';
import { arrivals } from '../../src/load/arrivals.js';
import { scenarios } from '../../src/load/scenario.js';

const segments = [
  { rate: 50, seconds: 2 },
  { rate: 500, seconds: 1 },
  { rate: 50, seconds: 2 },
];

const within = (times: readonly number[], fromMs: number, toMs: number): number =>
  times.filter((one) => one >= fromMs && one < toMs).length;

describe('when requests are due', () => {
  it('evenly spaced: exactly the rate in each segment, none lost or doubled where they meet', () => {
    const times = [...arrivals(segments, 'constant', seededRandom(1))];
    expect([within(times, 0, 2_000), within(times, 2_000, 3_000), within(times, 3_000, 5_000)]).toEqual([
      100, 500, 100,
    ]);
    expect(times.every((one, at) => at === 0 || one > (times[at - 1] as number))).toBe(true);
    expect(Math.max(...times)).toBeLessThan(5_000);
  });

  it('as independent users come: the rate on average, and gaps that are spread as an exponential law says', () => {
    const times = [...arrivals([{ rate: 1_000, seconds: 100 }], 'poisson', seededRandom(2))];
    const expected = 100_000;
    expect(Math.abs(times.length - expected)).toBeLessThan(5 * Math.sqrt(expected));
    const gaps = times.slice(1).map((one, at) => one - (times[at] as number));
    const longer = gaps.filter((gap) => gap > 2).length / gaps.length;
    // Of gaps with a mean of 1 ms, e⁻² are longer than 2 ms.
    expect(longer).toBeGreaterThan(Math.exp(-2) * 0.95);
    expect(longer).toBeLessThan(Math.exp(-2) * 1.05);
  });

  it('as independent users come: each segment has its own rate', () => {
    const times = [...arrivals(segments, 'poisson', seededRandom(3))];
    expect(Math.abs(within(times, 2_000, 3_000) - 500)).toBeLessThan(5 * Math.sqrt(500));
    expect(Math.abs(within(times, 3_000, 5_000) - 100)).toBeLessThan(5 * Math.sqrt(100));
  });

  it('the same for the same seed', () => {
    const draw = (seed: number): number[] => [...arrivals(segments, 'poisson', seededRandom(seed))];
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('ten times as often in the middle of a spike, for as long as was asked in all', () => {
    const spike = scenarios.find(({ name }) => name === 'spike');
    const parts = spike?.segments(20, 30) ?? [];
    expect(parts.map(({ rate }) => rate)).toEqual([20, 200, 20]);
    expect(parts.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(30);
  });
});
