import { expect } from 'vitest';
import { CacheService, type CacheServiceOptions } from '@dunlin/cache';
import { patient, patientCommandMs } from './patience.js';

/**
 * An instance without a commit log that is whole: Redis answers, and its first subscription, which makes memory and every load under way
 * start over, lies behind it.
 */
export async function connectWhole(options: CacheServiceOptions): Promise<CacheService> {
  const cache = new CacheService({ commandTimeoutMs: patientCommandMs, ...options });
  const subscribed = new Promise<unknown>((resolve) => cache.once('startedOver', resolve));
  await cache.connect();
  await subscribed;
  await expect.poll(() => cache.isHealthy(), patient).toBe(true);
  return cache;
}
