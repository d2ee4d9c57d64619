import { Redis } from 'ioredis';
import { ttlSeconds, type ContestantSettings, type KeyedCache } from './keyed-cache.js';

type Remove = (
  client: Redis,
  names: { prefix: string; index: string; generation: string; tag: string },
) => Promise<unknown>;

const scanStep = 1_000;

/** Ways to remove a group of keys that people write by hand on a bare client, the best and the worst. */
const ways = {
  /** A set of the group's members is kept beside them; removing costs the members. The limit for freeing memory at once. */
  'index set + UNLINK': async (client, { index }) => {
    const members = await client.smembers(index);
    return client.unlink(index, ...members);
  },
  /** A counter in every key's validity; removing costs one INCR, and the memory is freed by the ttl. */
  'generation bump': (client, { generation }) => client.incr(generation),
  /** Blocks the server while it looks at every key that there is. */
  'KEYS + UNLINK': async (client, { prefix }) => {
    const names = await client.keys(`${prefix}*`);
    return names.length > 0 ? client.unlink(...names) : 0;
  },
  'SCAN + UNLINK': async (client, { prefix }) => {
    let cursor = '0';
    do {
      const [next, names] = await client.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', scanStep);
      if (names.length > 0) await client.unlink(...names);
      cursor = next;
    } while (cursor !== '0');
    return undefined;
  },
} satisfies Record<string, Remove>;

export type WayByHand = keyof typeof ways;

export function byHandOpener(way: WayByHand) {
  return async ({ redisUrl, mark }: ContestantSettings): Promise<KeyedCache> => {
    const client = new Redis(redisUrl, { lazyConnect: true });
    await client.connect();
    const namesOf = (group: string) => ({
      prefix: `${mark}:hand:${group}:`,
      index: `${mark}:index:${group}`,
      generation: `${mark}:generation:${group}`,
      tag: `${mark}:tag:${group}`,
    });
    return {
      get: (key) => client.get(key),
      set: (key, value) => client.set(key, JSON.stringify(value), 'EX', ttlSeconds),
      async setInGroup(group, name, value) {
        const { prefix, index } = namesOf(group);
        await Promise.all([
          client.set(prefix + name, JSON.stringify(value), 'EX', ttlSeconds),
          client.sadd(index, prefix + name),
        ]);
      },
      removeGroup: (group) => ways[way](client, namesOf(group)),
      removeTag: (tag) => client.incr(namesOf(tag).tag),
      close: async () => client.disconnect(),
    };
  };
}
