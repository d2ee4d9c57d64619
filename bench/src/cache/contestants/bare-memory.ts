import { Keyv } from 'keyv';
import { LRUCache } from 'lru-cache';
import { maxEntries, ttlSeconds, type KeyedCache } from './keyed-cache.js';

/** The limit: nothing but a map. */
export async function openMap(): Promise<KeyedCache> {
  const map = new Map<string, unknown>();
  return {
    get: (key) => map.get(key),
    set: (key, value) => void map.set(key, value),
    close: async () => map.clear(),
  };
}

export async function openLruCache(): Promise<KeyedCache> {
  const cache = new LRUCache<string, object>({ max: maxEntries, ttl: ttlSeconds * 1000 });
  return {
    get: (key) => cache.get(key),
    set: (key, value) => void cache.set(key, value as object),
    close: async () => cache.clear(),
  };
}

/** Keyv over a map and without its serialisation: the quickest that it goes. */
export async function openKeyvUnserialised(): Promise<KeyedCache> {
  const keyv = new Keyv({ store: new Map(), ttl: ttlSeconds * 1000 });
  keyv.serialize = undefined;
  keyv.deserialize = undefined;
  return {
    get: (key) => keyv.get(key),
    set: (key, value) => keyv.set(key, value),
    close: () => keyv.disconnect(),
  };
}
