import { CacheService } from '@dunlin/cache';
import { maxEntries, ttlSeconds, type ContestantSettings, type KeyedCache } from './keyed-cache.js';

/** Ours, with a class for the keys as an application would declare it. */
export async function openDunlin(settings: ContestantSettings): Promise<KeyedCache> {
  const { tier, redisUrl, mark } = settings;
  const cache = new CacheService({
    ...(tier === 'memory' ? {} : { redis: { url: redisUrl } }),
    namespace: mark,
    // None of the peers gives up on a command while it is measured, so neither does ours, however busy the machine is.
    commandTimeoutMs: 5_000,
    memory: { maxBytes: 1 << 30, maxEntries },
    classes: [{ name: 'user', pattern: 'user:{id}:{rest}', ttlSeconds, tiers: tier === 'redis' ? 'redis' : 'both' }],
  });
  await cache.connect();
  return {
    get: (key) => cache.get(key),
    set: (key, value, tags) => stored(cache.set(key, value, undefined, tags ? { tags } : {})),
    getOrLoad: (key, loader, tags) => cache.getOrSet(key, loader, tags ? { tags } : undefined),
    setInGroup: (group, name, value) => stored(cache.set(`${group}:${name}`, value)),
    removeGroup: (group) => cache.deletePattern(`${group}:*`),
    removeTag: (tag) => cache.deleteByTag(tag),
    close: () => cache.disconnect(),
  };
}

/** A `set` that Redis did not take says so by its value, and then nothing after it would be worth measuring. */
async function stored(outcome: Promise<boolean>): Promise<void> {
  if (!(await outcome)) throw new Error('a value was not kept');
}
