import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  describeRedis,
  gate,
  startFaultProxy,
  startTestRedis,
  type FaultProxy,
  type Gate,
  type TestRedis,
} from '@dunlin/testkit';
import { CacheService, type CacheServiceOptions } from '@dunlin/cache';

const key = 'user:1:race';
const tags = ['race'];
const classes = [{ name: 'race', pattern: 'user:{id}:race', ttlSeconds: 60, staleWhileRevalidateSeconds: 60 }];

/** What makes the old value old, and what a reader may see afterwards. */
const invalidations: [string, (by: CacheService) => Promise<unknown>][] = [
  ['delete', (by) => by.delete(key)],
  ['tag', (by) => by.deleteByTag('race')],
  ['pattern', (by) => by.deletePattern('user:1:*')],
  ['glob', (by) => by.deletePattern('*:race')],
  ['set', (by) => by.set(key, 'new', 60, { tags })],
];

/**
 * Two instances over one Redis, without a commit log. `slow` speaks to Redis through a proxy that takes its time each way, so its
 * commands and the bus's messages are under way while `quick`, or `slow` itself, invalidates.
 * Oracle: once the invalidation was acknowledged and its message has come, no read that starts gives the old value.
 */
describeRedis('the race matrix', () => {
  const delayMs = 60;
  let server: TestRedis;
  let proxy: FaultProxy;
  let slow: CacheService;
  let quick: CacheService;
  let namespace = '';

  beforeAll(async () => {
    server = await startTestRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    proxy = await startFaultProxy({ targetPort: server.port });
    namespace = `t${randomUUID().slice(0, 8)}`;
    slow = await open(proxy.port);
    quick = await open(server.port);
  });
  afterEach(async () => {
    await slow.disconnect();
    await quick.disconnect();
    await proxy.close();
  });

  async function open(port: number, options: CacheServiceOptions = {}): Promise<CacheService> {
    const cache = new CacheService({
      redis: { url: `redis://127.0.0.1:${port}` },
      namespace,
      classes,
      commandTimeoutMs: 2_000,
      ...options,
    });
    await cache.connect();
    await expect.poll(() => cache.isHealthy()).toBe(true);
    return cache;
  }

  /** After every message had time to come, nobody shows the old value. */
  async function nobodyShowsOld(): Promise<void> {
    proxy.heal();
    await new Promise((resolve) => setTimeout(resolve, delayMs * 3));
    const fresh = await open(server.port, { memory: { maxEntries: 0 } });
    for (const reader of [slow, quick, fresh]) {
      expect(await reader.get(key)).not.toBe('old');
      expect(['new', 'loaded']).toContain(await reader.getOrSet(key, () => 'loaded', { tags }));
    }
    await fresh.disconnect();
  }

  const moments: [string, (by: () => Promise<unknown>) => Promise<void>][] = [
    [
      'a load',
      async (invalidate) => {
        const hold: Gate = gate();
        const load = slow.getOrSet(key, async () => (await hold.arrive(), 'old'), { tags });
        await hold.arrived;
        await invalidate();
        hold.open();
        await load;
      },
    ],
    [
      'a read from Redis',
      async (invalidate) => {
        await quick.set(key, 'old', 60, { tags });
        proxy.delay(delayMs);
        const read = slow.get(key);
        // Past Redis, on its way back.
        await new Promise((resolve) => setTimeout(resolve, delayMs * 1.5));
        await invalidate();
        await read;
      },
    ],
    [
      'a fill of Redis',
      async (invalidate) => {
        const loaded = gate();
        const load = slow.getOrSet(key, async () => (await loaded.arrive(), 'old'), { tags });
        await loaded.arrived;
        proxy.delay(delayMs);
        loaded.open();
        await new Promise((resolve) => setTimeout(resolve, 5));
        await invalidate();
        await load;
      },
    ],
    [
      'a background refresh',
      async (invalidate) => {
        await slow.set(key, 'old', 0.02, { tags });
        await new Promise((resolve) => setTimeout(resolve, 40));
        const hold = gate();
        const refreshing = (): Promise<string> => hold.arrive().then(() => 'old');
        expect(await slow.lookup(key, refreshing, { tags })).toMatchObject({ value: 'old', outcome: 'stale' });
        await hold.arrived;
        await invalidate();
        hold.open();
      },
    ],
  ];

  for (const [moment, during] of moments) {
    for (const [name, invalidate] of invalidations) {
      it(`${name} by the same instance during ${moment}`, async () => {
        await during(async () => {
          await invalidate(slow);
          // Acknowledged here: no reader of this instance sees the old value from now on.
          expect(await slow.get(key)).not.toBe('old');
        });
        await nobodyShowsOld();
      });
      it(`${name} by another instance during ${moment}, its message late`, async () => {
        await during(async () => {
          await invalidate(quick);
          expect(await quick.get(key)).not.toBe('old');
        });
        await nobodyShowsOld();
      });
      it(`${name} by another instance during ${moment}, its message lost`, async () => {
        await during(async () => {
          // Everything of the slow one breaks, its subscription included; it must not believe its memory afterwards.
          proxy.drop();
          await invalidate(quick);
        });
        proxy.heal();
        await expect.poll(() => slow.isHealthy(), { timeout: 5_000 }).toBe(true);
        await expect.poll(() => slow.get(key), { timeout: 5_000 }).not.toBe('old');
        await nobodyShowsOld();
      });
    }
  }
});
