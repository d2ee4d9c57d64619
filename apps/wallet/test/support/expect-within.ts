import { setTimeout as delay } from 'node:timers/promises';
import { RunningTime } from '@dunlin/testkit';
import { expect } from 'vitest';

/** Looks until `look` gives what is expected; fails when that takes longer than `boundMs` of the time in which this process ran. */
export async function expectWithin<Value>(
  boundMs: number,
  look: () => Promise<Value>,
  expected: NoInfer<Value>,
): Promise<void> {
  const time = new RunningTime();
  try {
    for (;;) {
      const seen = await look();
      try {
        return expect(seen).toEqual(expected);
      } catch (error) {
        if (time.nowMs() > boundMs) throw error;
      }
      await delay(25);
    }
  } finally {
    time.stop();
  }
}
