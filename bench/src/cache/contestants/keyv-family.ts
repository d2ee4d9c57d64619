import KeyvRedis from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Cacheable, CacheableMemory } from 'cacheable';
import { Keyv } from 'keyv';
import { maxEntries, ttlSeconds, type ContestantSettings, type KeyedCache } from './keyed-cache.js';

const ttlMs = ttlSeconds * 1000;

/** Keyv straight on its Redis store. */
export async function openKeyvRedis({ redisUrl, mark }: ContestantSettings): Promise<KeyedCache> {
  const keyv = new Keyv({ store: redisStore(redisUrl, mark), ttl: ttlMs, namespace: `${mark}-keyv` });
  keyv.on('error', rethrow);
  return {
    get: (key) => keyv.get(key),
    set: (key, value) => keyv.set(key, value),
    close: () => keyv.disconnect(),
  };
}

/** cache-manager: its own memory store, Redis, or the two as its documentation stacks them. */
export async function openCacheManager({ tier, redisUrl, mark }: ContestantSettings): Promise<KeyedCache> {
  const memory = (): Keyv => new Keyv({ store: new CacheableMemory({ ttl: ttlMs, lruSize: maxEntries }) });
  const redis = (): Keyv => new Keyv({ store: redisStore(redisUrl, mark), namespace: `${mark}-cm` });
  const stores = { memory: () => undefined, redis: () => [redis()], both: () => [memory(), redis()] }[tier]();
  const cache = createCache({ ttl: ttlMs, ...(stores ? { stores } : {}) });
  return {
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    getOrLoad: (key, loader) => cache.wrap(key, loader, ttlMs),
    close: async () => void (await cache.disconnect()),
  };
}

/** cacheable; with tags only where they are asked for, because they cost every read. */
export function cacheableOpener(options: { tags: boolean }) {
  return async ({ tier, redisUrl, mark }: ContestantSettings): Promise<KeyedCache> => {
    const redis = (): Keyv => new Keyv({ store: redisStore(redisUrl, mark), namespace: `${mark}-cacheable` });
    const cache = new Cacheable({
      ttl: ttlMs,
      tags: options.tags,
      ...(tier === 'redis' ? { primary: redis() } : {}),
      ...(tier === 'both' ? { secondary: redis() } : {}),
    });
    cache.on('error', rethrow);
    return {
      get: (key) => cache.get(key),
      set: (key, value, tags) => cache.set(key, value, tags ? { ttl: ttlMs, tags: [...tags] } : ttlMs),
      getOrLoad: (key, loader) => cache.getOrSet(key, loader, { ttl: ttlMs }),
      removeTag: (tag) => cache.tags.invalidateTag(tag),
      close: async () => void (await cache.disconnect()),
    };
  };
}

function redisStore(url: string, mark: string): KeyvRedis<unknown> {
  return new KeyvRedis(url, { namespace: mark, throwOnErrors: true });
}

/** These libraries report a lost Redis as an event only, and a bench must not go on without it. */
function rethrow(error: unknown): void {
  throw error instanceof Error ? error : new Error(String(error));
}
