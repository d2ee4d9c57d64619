import { randomUUID } from 'node:crypto';
import keyvTestSuite from '@keyv/test-suite';
import { Keyv, type KeyvStoreAdapter } from 'keyv';
import * as vitest from 'vitest';
import { CacheService, type CacheServiceOptions } from '@dunlin/cache';
import { KeyvStore } from '@dunlin/cache/keyv';
import { describeRedis, testRedisUrl } from '@dunlin/testkit';
import { patientCommandMs } from '../support/patience.js';

const { afterAll, beforeAll, describe, expect, it } = vitest;
const classes = [{ name: 'keyv', pattern: 'keyv:{key}', ttlSeconds: 60 }];

/** Keyv's own requirements, over one composition of tiers. */
function itSatisfiesKeyv(options: () => CacheServiceOptions): void {
  let cache: CacheService;
  beforeAll(async () => {
    cache = new CacheService({ classes, ...options() });
    await cache.connect();
  });
  afterAll(() => cache.disconnect());
  const store = (): KeyvStoreAdapter => new KeyvStore(cache);
  keyvTestSuite(vitest, Keyv, store);

  it('a ttl reaches the cache, in milliseconds', async () => {
    const keyv = new Keyv({ store: store() });
    await keyv.set('short', 'x', 40_000);
    // Some of it may have passed.
    const shortSeconds = await cache.getTTL('keyv:short');
    expect(shortSeconds).toBeGreaterThan(20);
    expect(shortSeconds).toBeLessThanOrEqual(40);
    await keyv.set('class', 'x');
    const classSeconds = await cache.getTTL('keyv:class');
    expect(classSeconds).toBeGreaterThan(40);
    expect(classSeconds).toBeLessThanOrEqual(60);
    await keyv.disconnect();
    expect(cache.isHealthy()).toBe(true);
  });

  it('clear leaves alone what is not of its namespace, and refuses to work without one', async () => {
    await cache.set('user:1:a', 'mine');
    const keyv = new Keyv({ store: store(), namespace: 'a*' });
    const other = new Keyv({ store: store(), namespace: 'ab' });
    await keyv.set('1', 'x');
    await other.set('1', 'y');
    await keyv.clear();
    expect([await keyv.get('1'), await other.get('1'), await cache.get('user:1:a')]).toEqual([undefined, 'y', 'mine']);
    await expect(new KeyvStore(cache).clear()).rejects.toThrow('namespace');
  });
}

describe('Keyv over memory alone', () => {
  itSatisfiesKeyv(() => ({}));
});

describeRedis('Keyv over Redis', () => {
  const redis = (): CacheServiceOptions => {
    const url = testRedisUrl();
    if (url === undefined) throw new Error('no Redis for the tests');
    return { redis: { url }, commandTimeoutMs: patientCommandMs, namespace: `t${randomUUID().slice(0, 8)}` };
  };
  describe('both tiers', () => itSatisfiesKeyv(redis));
  describe('Redis alone', () => itSatisfiesKeyv(() => ({ ...redis(), memory: { maxEntries: 0 } })));
});
