import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeRedis, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { CacheService } from '@dunlin/cache';

/** A prime, so that each key is read and written in turn. */
const keyCount = 1_499;
const keys = Array.from({ length: keyCount }, (_, n) => `user:${n % 500}:item-${n}`);
const filling = 'x'.repeat(3_000);

/** A Redis that throws out what it likes: values, generations and the marks of fills alike. */
describeRedis('a Redis that evicts under a memory limit', () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startTestRedis({ args: ['--maxmemory', '4mb', '--maxmemory-policy', 'allkeys-random'] });
  });
  afterAll(() => server.stop());

  it('gives no value from before an acknowledged invalidation', async () => {
    const namespace = `t${randomUUID().slice(0, 8)}`;
    const options = { redis: { url: server.url }, namespace, memory: { maxEntries: 0 }, commandTimeoutMs: 30_000 };
    const caches = [new CacheService(options), new CacheService(options)];
    for (const cache of caches) await cache.connect();
    const versions = new Map(keys.map((key) => [key, 1]));
    const acknowledged = new Map(versions);
    const wrong: string[] = [];
    const step = async (turn: number): Promise<void> => {
      const key = keys[(turn * 31) % keyCount]!;
      const cache = caches[turn % 2]!;
      if (turn % 4 === 0) {
        const version = (versions.get(key) ?? 0) + 1;
        versions.set(key, version);
        if (turn % 8 === 0) await cache.deletePattern(`${key.split(':').slice(0, 2).join(':')}:*`);
        else if (turn % 12 === 0) await cache.deleteByTag(key);
        else await cache.delete(key);
        acknowledged.set(key, Math.max(version, acknowledged.get(key) ?? 0));
        return;
      }
      const atLeast = acknowledged.get(key) ?? 0;
      const load = () => ({ key, version: versions.get(key) ?? 0, filling });
      const found = await cache.getOrSet(key, load, { tags: [key] });
      if (found.key !== key || found.version < atLeast) wrong.push(`${key}: ${found.version} after ${atLeast}`);
    };
    const worker = async (first: number): Promise<void> => {
      for (let turn = first; turn < 12_000; turn += 16) await step(turn);
    };
    await Promise.all(Array.from({ length: 16 }, (_, n) => worker(n)));
    const admin = new Redis(server.url);
    const evicted = Number(/evicted_keys:(\d+)/.exec(await admin.info('stats'))?.[1]);
    admin.disconnect();
    for (const cache of caches) await cache.disconnect();
    expect(wrong).toEqual([]);
    expect(evicted).toBeGreaterThan(100);
  });
});
