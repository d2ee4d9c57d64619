import type { RunningApp } from './app.js';

const lookEveryMs = 10;
/** A lease is renewed every 150 ms and serves for 450: whoever stood still for longer than this may have lost it between two looks. */
const longestPauseMs = 200;
const mostRuns = 10;

/**
 * Runs work that expects answers out of memory, and runs it again from its beginning where it failed and a lease was lost meanwhile: an
 * instance that the machine holds up for half a second asks the database until it has its lease again, as it promises. What fails
 * while every lease is held has failed. The work makes users of its own, so that no run finds what another one left.
 */
export async function whileLeased<Value>(
  instances: readonly RunningApp[],
  work: (run: number) => Promise<Value>,
): Promise<Value> {
  for (let run = 1; ; run += 1) {
    for (const { app } of instances) await app.cacheService.untilCoherent(20_000);
    const watch = watchLeases(instances);
    try {
      return await work(run);
    } catch (error) {
      if (run === mostRuns || !watch.wasLost()) throw error;
    } finally {
      watch.stop();
    }
  }
}

function watchLeases(instances: readonly RunningApp[]): { wasLost(): boolean; stop(): void } {
  let lost = false;
  let lastMs = performance.now();
  const look = (): void => {
    const nowMs = performance.now();
    lost ||= nowMs - lastMs > longestPauseMs || instances.some(({ app }) => !app.cacheService.isHealthy());
    lastMs = nowMs;
  };
  const timer = setInterval(look, lookEveryMs);
  return {
    wasLost() {
      look();
      return lost;
    },
    stop: () => clearInterval(timer),
  };
}
