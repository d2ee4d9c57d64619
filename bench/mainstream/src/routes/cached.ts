import type { Request } from 'express';
import type { OpenedCache } from '../cache.js';
import type { Metrics } from '../metrics.js';

export interface CachedRead<Value> {
  readonly kind: string;
  readonly key: string;
  readonly ttlMs: number;
  load(): Promise<Value>;
}

/** From the cache, else loaded once for all who ask meanwhile; past the cache when the client asks for that. */
export async function cachedRead<Value>(
  request: Request,
  { cache }: OpenedCache,
  { cacheReads }: Metrics,
  { kind, key, ttlMs, load }: CachedRead<Value>,
): Promise<Value> {
  if (request.headers['cache-control'] === 'no-cache') return load();
  let outcome = 'hit';
  const value = await cache.wrap(
    key,
    () => {
      outcome = 'miss';
      return load();
    },
    { ttl: ttlMs },
  );
  cacheReads.inc({ kind, outcome });
  return value;
}
