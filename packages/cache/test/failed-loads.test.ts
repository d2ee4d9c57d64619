import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeRedis, ManualClock, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { CacheError, CacheService, type CacheServiceOptions, type KeyClass } from '@dunlin/cache';
import { FailedLoads } from '../src/failed-loads.js';
import { KeyClasses } from '../src/key-class.js';
import { connectWhole } from './support/over-redis.js';

const news: KeyClass = { name: 'news', pattern: 'news:{x}', ttlSeconds: 10, retryAfterErrorMs: 100 };

describe('after a failed load', () => {
  let clock: ManualClock;
  let cache: CacheService;
  let loads = 0;
  const failing = (): never => {
    loads += 1;
    throw new Error(`failure ${loads}`);
  };
  async function open(one: KeyClass, options: CacheServiceOptions = {}): Promise<void> {
    cache = new CacheService({ classes: [one], clock, ...options });
    await cache.connect();
  }
  const messageOf = (key = 'news:1'): Promise<string> =>
    cache.getOrSet(key, failing).then(
      () => 'a value',
      (error: Error) => error.message,
    );
  beforeEach(() => {
    clock = new ManualClock();
    loads = 0;
  });
  afterEach(() => cache.disconnect());

  it('callers share the failure until the wait is over, and the wait doubles', async () => {
    await open(news);
    expect(await messageOf()).toBe('failure 1');
    await clock.advance(49);
    expect(await messageOf()).toBe('failure 1');
    // Half of the wait at the least, the whole of it at the most.
    await clock.advance(51);
    expect(await messageOf()).toBe('failure 2');
    await clock.advance(99);
    expect(await messageOf()).toBe('failure 2');
    await clock.advance(101);
    expect(await messageOf()).toBe('failure 3');
    expect(loads).toBe(3);
    expect(cache.getMetrics().classes[0]).toMatchObject({ loadErrors: 3, backedOff: 2 });
    expect(await messageOf('news:2')).toBe('failure 4');
  });

  it('the wait is bounded, and a success ends the doubling', async () => {
    await open(news);
    for (let n = 1; n <= 12; n += 1) {
      expect(await messageOf()).toBe(`failure ${n}`);
      await clock.advance(6_400);
    }
    expect(await cache.getOrSet('news:1', () => 'well')).toBe('well');
    await clock.advance(10_000);
    expect(await messageOf()).toBe('failure 13');
    await clock.advance(100);
    expect(await messageOf()).toBe('failure 14');
  });

  it('whoever says skipCache loads in any case, and whoever does not share errors too', async () => {
    await open(news);
    await messageOf();
    await expect(cache.getOrSet('news:1', failing, { skipCache: true })).rejects.toThrow('failure 2');
    await expect(cache.getOrSet('news:1', failing, { shareErrors: false })).rejects.toThrow('failure 3');
    expect(await cache.getOrSet('news:1', () => 'well', { shareErrors: false })).toBe('well');
    expect(await cache.get('news:1')).toBe('well');
  });

  const endings: [string, () => Promise<unknown>][] = [
    ['delete', () => cache.delete('news:1')],
    ['pattern', () => cache.deletePattern('news:*')],
    ['glob', () => cache.deletePattern('*:[1]')],
    ['tag', () => cache.deleteByTag('red')],
    ['commit', () => cache.afterCommit({ changes: [{ key: 'news:1', version: 3 }] })],
  ];
  for (const [name, end] of endings) {
    it(`an invalidation by ${name} ends the wait`, async () => {
      await open(news);
      await expect(cache.getOrSet('news:1', failing, { tags: ['red'] })).rejects.toThrow('failure 1');
      await end();
      expect(await cache.getOrSet('news:1', () => 'mended')).toBe('mended');
    });
  }

  it('a load that was overtaken by an invalidation, or given up, begins no wait', async () => {
    await open(news);
    let fail: (error: Error) => void = () => undefined;
    const early = cache.getOrSet('news:1', () => new Promise((_, reject) => (fail = reject)));
    await cache.delete('news:1');
    fail(new Error('too old to count'));
    await expect(early).rejects.toThrow('too old');
    expect(await messageOf()).toBe('failure 1');

    const controller = new AbortController();
    const given = cache.getOrSet(
      'news:2',
      ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
      { signal: controller.signal },
    );
    controller.abort(new Error('gone'));
    await expect(given).rejects.toThrow('gone');
    await clock.advance(0);
    expect(await cache.getOrSet('news:2', () => 'well')).toBe('well');
  });

  it('a stale value stands in where the class allows it, without a load', async () => {
    await open({ ...news, staleIfErrorSeconds: 60 });
    await cache.getOrSet('news:1', () => 'old');
    await clock.advance(10_000);
    const read = () => cache.lookup('news:1', failing);
    expect(await read()).toMatchObject({ value: 'old', outcome: 'stale' });
    expect(await read()).toMatchObject({ value: 'old', outcome: 'stale' });
    expect(loads).toBe(1);
    await clock.advance(100);
    expect(await read()).toMatchObject({ value: 'old', outcome: 'stale' });
    expect(loads).toBe(2);
  });

  it('background loads wait too', async () => {
    await open({ ...news, staleWhileRevalidateSeconds: 60 });
    await cache.getOrSet('news:1', () => 'old');
    await clock.advance(10_000);
    for (let n = 0; n < 5; n += 1) {
      expect(await cache.lookup('news:1', failing)).toMatchObject({ value: 'old', outcome: 'stale' });
      await clock.advance(1);
    }
    expect(loads).toBe(1);
  });

  it('a strict class never waits, and takes no such option', async () => {
    const strict: KeyClass = { name: 'money', pattern: 'money:{x}', ttlSeconds: 10, strict: true };
    await open(strict);
    for (let n = 1; n <= 3; n += 1) expect(await messageOf('money:1')).toBe(`failure ${n}`);
    const refused = (): CacheService => new CacheService({ classes: [{ ...strict, retryAfterErrorMs: 1 }] });
    expect(refused).toThrow(CacheError);
    expect(refused).toThrow('at once');
  });

  it('0 turns it off, and what is no time is refused by name', async () => {
    await open({ ...news, retryAfterErrorMs: 0 });
    for (let n = 1; n <= 3; n += 1) expect(await messageOf()).toBe(`failure ${n}`);
    for (const wrong of [-1, NaN, 60_001]) {
      expect(() => new CacheService({ classes: [{ ...news, retryAfterErrorMs: wrong }] })).toThrow('retryAfterErrorMs');
    }
  });

  it('no more than a thousand failures are remembered', () => {
    const failed = new FailedLoads();
    const policy = new KeyClasses([news], 1).of('news:1');
    for (let n = 0; n < 1_500; n += 1) failed.note(`news:${n}`, policy, [], { error: n, nowMs: 0, random: 0 });
    expect(failed.waiting('news:499', 1)).toBeUndefined();
    expect(failed.waiting('news:500', 1)?.error).toBe(500);
    expect(failed.waiting('news:1499', 99)?.failures).toBe(1);
    expect(failed.waiting('news:1499', 100)).toBeUndefined();
  });
});

describeRedis('after a failed load, over Redis', () => {
  let server: TestRedis;
  beforeEach(async () => {
    server = await startTestRedis();
  });
  afterEach(() => server.stop());

  it('what another instance has loaded meanwhile is taken instead of the failure', async () => {
    const open = (): Promise<CacheService> =>
      connectWhole({ redis: { url: server.url }, classes: [{ ...news, retryAfterErrorMs: 60_000 }] });
    const [a, b] = [await open(), await open()];
    const away = (): Promise<string> => Promise.reject(new Error('away'));
    await expect(a.getOrSet('news:1', away)).rejects.toThrow('away');
    expect(await b.getOrSet('news:1', () => 'well')).toBe('well');
    expect(await a.getOrSet('news:1', away)).toBe('well');
    await a.disconnect();
    await b.disconnect();
  });
});
