import { describe, expect, it } from 'vitest';
import { LatencySketch } from '../src/metrics/latency-sketch.js';
import { SlidingWindow, WindowReading, type WindowSeconds } from '../src/metrics/sliding-window.js';

function countIn(window: SlidingWindow, seconds: WindowSeconds, nowMs: number): number {
  const reading = new WindowReading(1);
  window.read(seconds, nowMs, reading);
  expect(reading.counters[0]).toBe(reading.sketch.count);
  return reading.sketch.count;
}

/** One observation a second, the window turned as the sampler does. */
function drive(window: SlidingWindow, fromSecond: number, toSecond: number): void {
  for (let second = fromSecond; second < toSecond; second += 1) {
    window.open.record(10);
    window.openCounters[0]! += 1;
    window.turn((second + 1) * 1000);
  }
}

describe('SlidingWindow', () => {
  it('holds each window at its length, never less and at most one slot more', () => {
    const window = new SlidingWindow(1, 0);
    drive(window, 0, 2 * 3600);
    const nowMs = 2 * 3600 * 1000;
    for (const [seconds, slot] of [
      [60, 5],
      [300, 30],
      [3600, 300],
    ] as const) {
      const count = countIn(window, seconds, nowMs);
      expect(count).toBeGreaterThanOrEqual(seconds);
      expect(count).toBeLessThanOrEqual(seconds + slot);
    }
  });

  it('counts nothing twice while slots are folded into longer ones', () => {
    const window = new SlidingWindow(1, 0);
    for (let second = 0; second < 900; second += 1) {
      drive(window, second, second + 1);
      // Within the first hour the hour's window holds everything there is.
      expect(countIn(window, 3600, (second + 1) * 1000)).toBe(second + 1);
    }
  });

  it('tells how much time its figures cover, so that a young process shows true rates', () => {
    const window = new SlidingWindow(1, 0);
    drive(window, 0, 20);
    const reading = new WindowReading(1);
    window.read(300, 20_000, reading);
    expect(reading.coveredMs).toBe(20_000);
    expect((1000 * reading.sketch.count) / reading.coveredMs).toBe(1);
  });

  it('forgets after an idle time, and keeps what came last even when nobody turned it', () => {
    const window = new SlidingWindow(1, 0);
    drive(window, 0, 10);
    expect(countIn(window, 60, 10_000)).toBe(10);
    for (let second = 11; second <= 120; second += 1) window.turn(second * 1000);
    expect(countIn(window, 60, 120_000)).toBe(0);
    expect(countIn(window, 300, 120_000)).toBe(10);
    const unturned = new SlidingWindow(1, 0);
    unturned.open.record(5);
    unturned.openCounters[0] = 1;
    expect(countIn(unturned, 60, 3_000_000)).toBe(1);
  });

  it('tells the same from its common counts as from the slots themselves, through every fold and after an idle hour', () => {
    const window = new SlidingWindow(1, 0);
    const seen: { atMs: number; ms: number }[] = [];
    let nowMs = 0;
    let seed = 3;
    const uniform = (): number => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
    const check = (): void => {
      const reading = new WindowReading(1);
      window.read(3600, nowMs, reading);
      const inside = seen.filter(({ atMs }) => atMs >= nowMs - reading.coveredMs).map(({ ms }) => ms);
      expect(reading.sketch.count).toBe(inside.length);
      const exact = new LatencySketch();
      for (const ms of inside) exact.record(ms);
      expect([...reading.sketch.encode().subarray(25)]).toEqual([...exact.encode().subarray(25)]);
      expect([reading.sketch.minMs, reading.sketch.maxMs]).toEqual([exact.minMs, exact.maxMs]);
    };
    for (let step = 0; step < 900; step += 1) {
      const ms = Math.exp(10 * uniform());
      window.open.record(ms);
      window.openCounters[0]! += 1;
      seen.push({ atMs: nowMs, ms });
      // Now and then nobody turns it for a while, once for longer than the hour.
      nowMs += step === 500 ? 4_000_000 : uniform() < 0.05 ? 90_000 : 5_000;
      window.turn(nowMs);
      if (step % 25 === 0 || step === 500 || step === 501) check();
    }
    check();
  });

  it('keeps lifetime totals that only grow, whatever the window forgets', () => {
    const window = new SlidingWindow(1, 0);
    drive(window, 0, 7300);
    expect(window.lifetimeCount + window.open.count).toBe(7300);
    expect(window.lifetimeCounters[0]! + window.openCounters[0]!).toBe(7300);
    const octaves = window.lifetimeOctaves.slice();
    window.open.addOctaves(octaves);
    expect(octaves.reduce((sum, count) => sum + count, 0)).toBe(7300);
  });

  it('stays below 64 KB with all three windows full of a log-normal latency', () => {
    const window = new SlidingWindow(6, 0);
    let seed = 7;
    const uniform = (): number => (seed = (seed * 1_664_525 + 1_013_904_223) >>> 0) / 2 ** 32 || 1e-9;
    for (let second = 0; second < 2 * 3600; second += 1) {
      for (let i = 0; i < 20; i += 1) {
        window.open.record(Math.exp(2 + Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())));
      }
      window.openCounters[0]! += 20;
      window.turn((second + 1) * 1000);
    }
    expect(window.sizeBytes()).toBeLessThan(64 * 1024);
  });
});
