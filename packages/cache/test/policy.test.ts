import { describe, expect, it } from 'vitest';
import { ManualClock } from '@dunlin/testkit';
import { CacheError, CacheService, type CacheCall, type CacheServiceOptions } from '@dunlin/cache';
import { Breaker } from '../src/redis/breaker.js';
import { PeerWatch } from '../src/coherence/peer-watch.js';
import { parsePublished } from '../src/coherence/postgres-commit-log.js';

describe('options', () => {
  const bad: [string, CacheServiceOptions][] = [
    ['namespace', { namespace: 'a{b' }],
    ['instanceName', { instanceName: '' }],
    ['memory.maxBytes', { memory: { maxBytes: -1 } }],
    ['commandTimeoutMs', { commandTimeoutMs: 0 }],
    ['defaultTtlSeconds', { defaultTtlSeconds: 0 }],
    ['lease', { lease: { leaseMs: 400 } }],
    ['ttlSeconds', { classes: [{ name: 'a', pattern: 'a:{x}', ttlSeconds: 0 }] }],
    ['jitter', { classes: [{ name: 'a', pattern: 'a:{x}', ttlSeconds: 1, jitter: 0.9 }] }],
    ['used twice', { classes: [1, 2].map(() => ({ name: 'a', pattern: 'a:{x}', ttlSeconds: 1 })) }],
    [
      'never served stale',
      { classes: [{ name: 'a', pattern: 'a:{x}', ttlSeconds: 1, strict: true, staleIfErrorSeconds: 1 }] },
    ],
    ['memory only', { classes: [{ name: 'a', pattern: 'a:{x}', ttlSeconds: 1, strict: true, tiers: 'both' }] }],
  ];
  for (const [name, options] of bad) {
    it(`refuses a bad ${name} by name`, () => {
      expect(() => new CacheService(options)).toThrow(CacheError);
      expect(() => new CacheService(options)).toThrow(name);
    });
  }

  it('a refused Redis URL does not show its password', () => {
    const make = (): CacheService => new CacheService({ redis: { url: 'http://user:secret@host' } });
    expect(make).toThrow(/redis\.url/);
    expect(make).not.toThrow(/secret/);
  });

  it('two instances of one name have two ids', () => {
    const [a, b] = [new CacheService({ instanceName: 'same' }), new CacheService({ instanceName: 'same' })];
    expect(a.instanceId).not.toBe(b.instanceId);
    expect(a.instanceId).toMatch(/^same-/);
  });
});

describe('time', () => {
  const classes = [
    { name: 'news', pattern: 'news:{x}', ttlSeconds: 10, staleWhileRevalidateSeconds: 5, staleIfErrorSeconds: 20 },
  ];

  it('fresh until the ttl, stale while one load runs, then loaded', async () => {
    const clock = new ManualClock();
    const cache = new CacheService({ classes, clock });
    await cache.connect();
    let loads = 0;
    const read = () => cache.lookup('news:1', () => (loads += 1));
    expect(await read()).toMatchObject({ value: 1, outcome: 'miss', ttlSeconds: 10, stored: true });
    await clock.advance(9_999);
    expect(await read()).toMatchObject({ value: 1, outcome: 'hit' });
    await clock.advance(1);
    expect(await read()).toMatchObject({ value: 1, outcome: 'stale' });
    await clock.advance(0);
    expect(await read()).toMatchObject({ value: 2, outcome: 'hit' });
    await clock.advance(15_000);
    expect(await read()).toMatchObject({ value: 3, outcome: 'miss' });
    await cache.disconnect();
    expect(clock.pending).toBe(0);
  });

  it('stale if error, for as long as the class says', async () => {
    const clock = new ManualClock();
    const cache = new CacheService({ classes, clock });
    await cache.connect();
    await cache.getOrSet('news:1', () => 'old');
    const failing = () => Promise.reject(new Error('away'));
    await clock.advance(29_999);
    expect(await cache.lookup('news:1', failing)).toMatchObject({ value: 'old', outcome: 'stale', tier: 'memory' });
    await clock.advance(1);
    await expect(cache.lookup('news:1', failing)).rejects.toThrow('away');
    await cache.disconnect();
  });

  it('jitter only shortens, and the cap of a loader counts', async () => {
    const cache = new CacheService({ classes: [{ name: 'j', pattern: 'j:{x}', ttlSeconds: 100, jitter: 0.5 }] });
    await cache.connect();
    const ttls = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => (await cache.lookup(`j:${n}`, () => n)).ttlSeconds),
    );
    expect(Math.min(...ttls)).toBeGreaterThanOrEqual(50);
    expect(Math.max(...ttls)).toBeLessThanOrEqual(100);
    expect(new Set(ttls).size).toBeGreaterThan(100);
    const capped = await cache.lookup('j:capped', (context) => (context.capTtlSeconds(3), 1));
    expect(capped.ttlSeconds).toBe(3);
    const refused = await cache.lookup('j:past', (context) => (context.capTtlSeconds(-1), 1));
    expect(refused).toMatchObject({ value: 1, stored: false });
    await cache.disconnect();
  });

  it('advises a longer ttl where reloads find nothing new, a shorter one where they do', async () => {
    const clock = new ManualClock();
    const cache = new CacheService({
      clock,
      classes: [
        { name: 'same', pattern: 'same:{x}', ttlSeconds: 1 },
        { name: 'other', pattern: 'other:{x}', ttlSeconds: 10 },
      ],
    });
    await cache.connect();
    for (let n = 0; n < 102; n += 1) {
      await cache.getOrSet('same:1', () => 'same');
      await cache.getOrSet('other:1', () => n);
      await clock.advance(10_000);
    }
    const [same, other] = cache.getMetrics().classes;
    expect(same?.advice?.ttlSeconds).toBe(2);
    expect(same?.advice?.reason).toContain('100 % of 101 reloads');
    expect(other?.advice?.ttlSeconds).toBe(5);
    await cache.disconnect();
  });
});

describe('calls', () => {
  it('are told with class, tier and outcome, and without the key', async () => {
    const calls: CacheCall[] = [];
    const cache = new CacheService({
      classes: [{ name: 'profile', pattern: 'user:{id}:profile', ttlSeconds: 60 }],
      onCall: (call) => calls.push(call),
    });
    await cache.connect();
    await cache.get('user:1:profile');
    await cache.getOrSet('user:1:profile', () => 1);
    await cache.get('user:1:profile');
    cache.getFromMemory('user:1:profile');
    await cache.delete('user:1:profile');
    await expect(cache.getOrSet('user:1:profile', () => Promise.reject(new Error('no')))).rejects.toThrow();
    expect(calls.map((call) => [call.operation, call.tier, call.outcome])).toEqual([
      ['get', 'none', 'miss'],
      ['getOrSet', 'loader', 'miss'],
      ['get', 'memory', 'hit'],
      ['get', 'memory', 'hit'],
      ['delete', 'none', 'removed'],
      ['getOrSet', 'none', 'error'],
    ]);
    expect(calls.every((call) => call.className === 'profile')).toBe(true);
    expect(JSON.stringify(calls)).not.toContain('user:1');
    await cache.disconnect();
  });
});

describe('warming', () => {
  it('loads with bounded concurrency, counts failures, tells its progress and stops when told', async () => {
    const cache = new CacheService();
    await cache.connect();
    let running = 0;
    let most = 0;
    const items = Array.from({ length: 20 }, (_, n) => ({
      key: `k${n}`,
      load: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        if (n === 3) throw new Error('no');
        return cache.getOrSet(`k${n}`, () => n);
      },
    }));
    const progress: number[] = [];
    const ended = await cache.warm(items, { concurrency: 4, onProgress: (at) => progress.push(at.done + at.failed) });
    expect(ended).toMatchObject({ done: 19, failed: 1, total: 20 });
    expect(most).toBe(4);
    expect(progress).toHaveLength(20);
    const controller = new AbortController();
    const stopped = await cache.warm(items, {
      concurrency: 1,
      signal: controller.signal,
      onProgress: (at) => at.done === 2 && controller.abort(),
    });
    expect(stopped.done).toBe(2);
    await cache.disconnect();
  });
});

describe('the breaker', () => {
  it('opens after failures in a row, lets one probe through, and waits longer each time', async () => {
    const clock = new ManualClock();
    const breaker = new Breaker(clock, { threshold: 2, firstOpenMs: 100, longestOpenMs: 150 });
    breaker.failed();
    breaker.succeeded();
    breaker.failed();
    expect(breaker.admits()).toBe(true);
    breaker.failed();
    expect(breaker.admits()).toBe(false);
    await clock.advance(100);
    expect([breaker.admits(), breaker.admits()]).toEqual([true, false]);
    breaker.failed();
    await clock.advance(149);
    expect(breaker.admits()).toBe(false);
    await clock.advance(1);
    expect(breaker.admits()).toBe(true);
    breaker.succeeded();
    expect(breaker.isClosed).toBe(true);
  });
});

describe('peers', () => {
  const peer = { instance: 'p', epoch: '1', renewals: 4, applied: 0, leaseMs: 500 };

  it('lapse after one whole lease with the same renewal, counted here', () => {
    const watch = new PeerWatch();
    expect(watch.observe([peer], 0)).toEqual([]);
    expect(watch.observe([peer], 499)).toEqual([]);
    expect(watch.observe([{ ...peer, renewals: 5 }], 500)).toEqual([]);
    expect(watch.observe([{ ...peer, renewals: 5 }], 999)).toEqual([]);
    expect(watch.observe([{ ...peer, renewals: 5 }], 1_000)).toEqual([{ ...peer, renewals: 5 }]);
  });

  it('are not taken for nobody when what was published cannot be read', () => {
    expect(parsePublished(null)).toBeNull();
    expect(parsePublished(undefined)).toBeNull();
    expect(parsePublished(JSON.stringify({ commitId: 1, peers: [peer] }))).toEqual({ commitId: 1, peers: [peer] });
    for (const wrong of ['{}', {}, { commitId: 1 }, { commitId: '1', peers: [] }, { commitId: 1, peers: [{}] }, 5]) {
      expect(() => parsePublished(wrong)).toThrow();
    }
  });
});
