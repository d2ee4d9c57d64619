import { randomUUID } from 'node:crypto';
import { describeRedis, testRedisUrl } from '@dunlin/testkit';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CacheService } from '../src/index.js';
import { connectWhole } from './support/over-redis.js';

/** During a rolling upgrade two versions share one Redis; either may meet entries in a format that it does not know. */
describeRedis('entries of another version', () => {
  let redis: Redis;
  let cache: CacheService;
  let namespace: string;
  const warnings: unknown[] = [];

  beforeEach(async () => {
    const url = testRedisUrl() ?? '';
    namespace = `formats-${randomUUID()}`;
    redis = new Redis(url);
    const logger = { debug: () => undefined, info: () => undefined, warn: warn, error: warn };
    cache = await connectWhole({ redis: { url }, namespace, memory: { maxEntries: 0 }, logger });
    warnings.length = 0;
  });
  afterEach(async () => {
    await cache.disconnect();
    redis.disconnect();
  });
  const warn = (fields: object, message: string): void => void warnings.push([fields, message]);

  /** The one Redis key in which the value of a cache key stands, whatever its name. */
  async function placeOf(value: string): Promise<string> {
    for (const name of await redis.keys(`${namespace}:*`)) {
      if ((await redis.type(name)) === 'string' && (await redis.get(name))?.includes(value) === true) return name;
    }
    throw new Error(`${value} is nowhere`);
  }

  it.each([
    ['a later one', (entry: string) => entry.replace(/^D1 /, 'D2 ')],
    ['an earlier one', (entry: string) => entry.replace(/^D1 /, 'D0 ')],
    ['one with a field more', (entry: string) => entry.replace('\n', ';more\n')],
    ['one that is no text at all', () => '\x00\xff\x01'],
  ])('are a miss, are loaded anew and replaced: %s', async (_what, change) => {
    await cache.set('greeting', 'hello', 60);
    const place = await placeOf('hello');
    const entry = (await redis.get(place)) ?? '';
    expect(entry.startsWith('D1 ')).toBe(true);
    expect(await cache.get('greeting')).toBe('hello');

    await redis.set(place, change(entry), 'EX', 60);
    expect(await cache.get('greeting')).toBeNull();
    expect(await cache.getOrSet('greeting', async () => 'loaded')).toBe('loaded');
    // What this version stores it reads again, and the other version finds a whole entry of this one's format.
    expect(await cache.get('greeting')).toBe('loaded');
    expect((await redis.get(place))?.startsWith('D1 ')).toBe(true);
    expect(cache.getMetrics().errors).toBe(0);
    expect(warnings).toEqual([]);
  });

  it('can be removed, counted out by a pattern, and written over', async () => {
    for (const key of ['user:1:a', 'user:1:b', 'user:1:c']) await cache.set(key, `value of ${key}`, 60);
    for (const key of ['user:1:a', 'user:1:b', 'user:1:c']) {
      const place = await placeOf(`value of ${key}`);
      await redis.set(place, 'D9 of a version to come', 'EX', 60);
    }
    await cache.delete('user:1:a');
    expect(await cache.set('user:1:b', 'mine', 60)).toBe(true);
    expect(await cache.get('user:1:b')).toBe('mine');
    await cache.deletePattern('user:1:*');
    for (const key of ['user:1:a', 'user:1:b', 'user:1:c']) expect(await cache.get(key)).toBeNull();
    expect(cache.getMetrics().errors).toBe(0);
  });
});
