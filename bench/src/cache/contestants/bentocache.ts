import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { maxEntries, ttlSeconds, type ContestantSettings, type KeyedCache } from './keyed-cache.js';

/** bentocache: the layers that the tier asks for, with its Redis bus where there are two, as its documentation sets it up. */
export async function openBentocache({ tier, redisUrl, mark }: ContestantSettings): Promise<KeyedCache> {
  const { hostname: host, port, password, pathname } = new URL(redisUrl);
  const connection = {
    host,
    port: Number(port || 6379),
    db: Number(pathname.slice(1) || 0),
    ...(password ? { password } : {}),
  };
  const memory = memoryDriver({ maxItems: maxEntries });
  const redis = redisDriver({ connection });
  const store = bentostore();
  if (tier === 'memory') store.useL1Layer(memory);
  if (tier === 'redis') store.useL2Layer(redis);
  if (tier === 'both') store.useL1Layer(memory).useL2Layer(redis).useBus(redisBusDriver({ connection }));
  const cache = new BentoCache({ default: 'users', prefix: mark, ttl: `${ttlSeconds}s`, stores: { users: store } });
  return {
    get: (key) => cache.get({ key }),
    set: (key, value, tags) => cache.set({ key, value, ...(tags ? { tags: [...tags] } : {}) }),
    getOrLoad: (key, loader) => cache.getOrSet({ key, factory: loader }),
    setInGroup: (group, name, value) => cache.namespace(group).set({ key: name, value }),
    removeGroup: (group) => cache.namespace(group).clear(),
    removeTag: (tag) => cache.deleteByTag({ tags: [tag] }),
    close: () => cache.disconnectAll(),
  };
}
