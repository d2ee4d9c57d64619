import type { CacheCall, CacheService } from '@dunlin/cache';
import { currentRequest, MonitoringInputError, type CacheSource } from '@dunlin/monitoring';

const leasePatienceMs = 1_000;

/** What the monitor reads from the wallet's cache. */
export function cacheSource(cache: CacheService): CacheSource {
  return {
    getMetrics: () => cache.getMetrics(),
    async isHealthy() {
      // A lease that lapsed for a moment (a busy second, a flush that took long) is back with the next renewal, and no news.
      await cache.untilCoherent(leasePatienceMs);
      return cache.isHealthy();
    },
    tiers: () => Object.entries(cache.getMetrics().tiers).map(([name, figures]) => ({ name, ...figures })),
    classes: () =>
      cache.getMetrics().classes.map(({ advice, ...figures }) => ({
        ...figures,
        ...(advice === undefined ? {} : { advice: `${advice.ttlSeconds} s: ${advice.reason}` }),
      })),
    async invalidate(target, { dryRun }) {
      if ('key' in target) {
        if (dryRun) return (await cache.exists(target.key)) ? 1 : 0;
        return (await cache.delete(target.key)) ? 1 : 0;
      }
      if ('pattern' in target) return dryRun ? cache.countPattern(target.pattern) : cache.deletePattern(target.pattern);
      // A tag is removed by one word, without a look at what carries it; a guessed count would be worse than none.
      if (dryRun) throw new MonitoringInputError([{ path: 'dryRun', message: 'cannot count what carries a tag' }]);
      return cache.deleteByTag(target.tag);
    },
  };
}

/** Each cache call becomes a span of the request that made it. The class is told, never the key. */
export function recordCacheCall(call: CacheCall): void {
  const request = currentRequest();
  if (request === undefined) return;
  request.addCacheCall({
    operation: call.operation,
    keyClass: call.className,
    outcome: call.outcome,
    tier: call.tier,
    startMs: Math.max(0, performance.now() - request.startedMs - call.durationMs),
    durationMs: call.durationMs,
  });
}
