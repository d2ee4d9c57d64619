import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeRedis, gate, startTestRedis, type TestRedis } from '@dunlin/testkit';
import type { CacheService } from '@dunlin/cache';
import { connectWhole } from './support/over-redis.js';

describeRedis('the right to load for all processes', () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await startTestRedis();
  });
  afterAll(() => server.stop());

  for (const [name, invalidate] of [
    ['a group', (cache: CacheService) => cache.deletePattern('user:1:*')],
    ['a tag', (cache: CacheService) => cache.deleteByTag('t')],
    ['the key', (cache: CacheService) => cache.delete('user:1:a')],
  ] as const) {
    it(`does not outlast the invalidation of ${name}`, async () => {
      const options = {
        redis: { url: server.url },
        namespace: `t${randomUUID().slice(0, 8)}`,
        memory: { maxEntries: 0 },
        loadLeaseMs: 40_000,
      };
      const [a, b] = [await connectWhole(options), await connectWhole(options)];
      const hold = gate();
      const early = a.getOrSet(
        'user:1:a',
        async () => {
          await hold.arrive();
          return 'old';
        },
        { tags: ['t'] },
      );
      await hold.arrived;
      await invalidate(b);
      const started = performance.now();
      expect(await b.getOrSet('user:1:a', () => 'new', { tags: ['t'] })).toBe('new');
      expect(performance.now() - started).toBeLessThan(options.loadLeaseMs / 2);
      hold.open();
      expect(await early).toBe('old');
      await a.disconnect();
      await b.disconnect();
    });
  }
});
