import type { CacheCall, CacheService } from '@dunlin/cache';
import { currentRequest, type CacheSource, type DatabaseSource } from '@dunlin/monitoring';
import type { Database } from '@dunlin/postgres';

/** What the monitor reads from the database. The libraries know nothing of each other; the service introduces them. */
export function databaseSource(database: Database): DatabaseSource {
  return {
    onQuery: (listener) =>
      database.onQuery((event) =>
        listener({
          fingerprint: event.fingerprint,
          query: event.query,
          durationMs: event.durationMs,
          waitMs: event.waitMs,
          rows: event.rows,
          error: event.errorCode,
          endpoint: event.endpoint,
          correlationId: event.correlationId,
          request: event.context,
        }),
      ),
    poolStatus: () => database.poolStatus(),
    isHealthy: () =>
      database.query('SELECT 1', [], { timeoutMs: 1_000 }).then(
        () => true,
        () => false,
      ),
    setSlowQueryMs: (thresholdMs) => database.setSlowQueryMs(thresholdMs),
  };
}

/** What the monitor reads from the cache. */
export function cacheSource(cache: CacheService): CacheSource {
  return { getMetrics: () => cache.getMetrics(), isHealthy: () => cache.isHealthy() };
}

/** Makes each cache call a span of the request that made it. */
export function recordCacheCall(call: CacheCall): void {
  const request = currentRequest();
  request?.addCacheCall({
    operation: call.operation,
    keyClass: call.className,
    outcome: call.outcome,
    tier: call.tier,
    startMs: Math.max(0, performance.now() - request.startedMs - call.durationMs),
    durationMs: call.durationMs,
  });
}
