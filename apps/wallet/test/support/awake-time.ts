import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';

const tickMs = 20;
/** What one pause between two ticks counts at most, however long it was. */
const longestTickMs = 60;

export interface AwakeTime {
  /** Milliseconds since the beginning in which this process ran. */
  elapsedMs(): number;
  stop(): void;
}

/**
 * Time as this process has lived through it: where the machine stands still for two seconds, it has passed by one tick. For promises that
 * name a time, which a test must not stretch and a shared machine cannot keep by the clock on the wall.
 */
export function awakeTime(): AwakeTime {
  let awakeMs = 0;
  let lastMs = performance.now();
  const tick = (): void => {
    const nowMs = performance.now();
    awakeMs += Math.min(nowMs - lastMs, longestTickMs);
    lastMs = nowMs;
  };
  const timer = setInterval(tick, tickMs).unref();
  return {
    elapsedMs() {
      tick();
      return awakeMs;
    },
    stop: () => clearInterval(timer),
  };
}

/** Looks until `look` gives what is expected; fails when that takes longer than `boundMs` of the time in which this process ran. */
export async function expectWithin<Value>(
  boundMs: number,
  look: () => Promise<Value>,
  expected: NoInfer<Value>,
): Promise<void> {
  const time = awakeTime();
  try {
    for (;;) {
      const seen = await look();
      try {
        return expect(seen).toEqual(expected);
      } catch (error) {
        if (time.elapsedMs() > boundMs) throw error;
      }
      await delay(25);
    }
  } finally {
    time.stop();
  }
}
