import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { ttlSeconds, type ContestantSettings, type KeyedCache } from './keyed-cache.js';

/** The client that ours is built on, bare: GET and nothing else; `parses` adds what whoever uses the value does next. */
export function ioredisOpener(options: { autoPipelining: boolean; parses: boolean }) {
  return async ({ redisUrl, mark }: ContestantSettings): Promise<KeyedCache> => {
    const client = new Redis(redisUrl, { lazyConnect: true, enableAutoPipelining: options.autoPipelining });
    await client.connect();
    const name = (key: string): string => `${mark}:raw:${key}`;
    return {
      get: options.parses
        ? async (key) => JSON.parse((await client.get(name(key))) ?? 'null') as unknown
        : (key) => client.get(name(key)),
      set: (key, value) => client.set(name(key), JSON.stringify(value), 'EX', ttlSeconds),
      close: async () => client.disconnect(),
    };
  };
}

export async function openNodeRedis({ redisUrl, mark }: ContestantSettings): Promise<KeyedCache> {
  const client = createClient({ url: redisUrl });
  await client.connect();
  const name = (key: string): string => `${mark}:raw:${key}`;
  return {
    get: (key) => client.get(name(key)),
    set: (key, value) => client.set(name(key), JSON.stringify(value), { EX: ttlSeconds }),
    close: async () => client.destroy(),
  };
}
