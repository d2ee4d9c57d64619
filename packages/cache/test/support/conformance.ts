import { afterEach, beforeEach, expect, it } from 'vitest';
import { gate } from '@dunlin/testkit';
import type { CacheService } from '@dunlin/cache';

/** What every composition of tiers has to do. `open` gives instances that share their data (two calls: two instances). */
export function cacheConformance(
  open: () => Promise<CacheService>,
  share: { readonly betweenInstances: boolean },
): void {
  let cache: CacheService;
  const opened: CacheService[] = [];
  const another = async (): Promise<CacheService> => {
    const one = await open();
    opened.push(one);
    return one;
  };
  beforeEach(async () => {
    cache = await another();
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.disconnect();
  });

  it('gives back what was set, by value', async () => {
    const given = { text: 'ä', list: [1, 2.5, null, true], nested: { empty: {} } };
    expect(await cache.set('user:1:v', given)).toBe(true);
    given.list.push(9);
    const got = await cache.get<typeof given>('user:1:v');
    expect(got).toEqual({ text: 'ä', list: [1, 2.5, null, true], nested: { empty: {} } });
    expect(() => got?.list.push(9)).toThrow();
  });

  it('tells a missing key from a kept null', async () => {
    expect(await cache.get('user:1:none')).toBeNull();
    expect(await cache.exists('user:1:none')).toBe(false);
    await cache.set('user:1:null', null);
    expect(await cache.exists('user:1:null')).toBe(true);
    let loads = 0;
    expect(await cache.getOrSet('user:1:null', () => (loads += 1))).toBeNull();
    expect(loads).toBe(0);
  });

  it('gives undefined back and does not keep it', async () => {
    let loads = 0;
    for (let n = 0; n < 2; n += 1) expect(await cache.getOrSet('user:1:u', () => void (loads += 1))).toBeUndefined();
    expect(loads).toBe(2);
  });

  it('refuses what JSON would lose, by name', async () => {
    for (const value of [undefined, () => 1, new Map(), { deep: new Set() }, NaN, 1n]) {
      await expect(cache.set('user:1:bad', value)).rejects.toMatchObject({ code: 'cache_value_unsupported' });
    }
    await expect(cache.get('')).rejects.toMatchObject({ code: 'cache_key_invalid' });
    await expect(cache.set('k', 1, 0)).rejects.toMatchObject({ code: 'cache_option_invalid' });
  });

  it('forgets a value after its ttl', async () => {
    await cache.set('user:1:short', 'x', 0.05);
    expect(await cache.get('user:1:short')).toBe('x');
    await expect.poll(() => cache.get('user:1:short')).toBeNull();
    expect(await cache.getTTL('user:1:short')).toBe(-2);
  });

  it('tells and changes the ttl', async () => {
    await cache.set('user:1:t', 'x', 10);
    expect(await cache.getTTL('user:1:t')).toBe(10);
    expect(await cache.setTTL('user:1:t', 100)).toBe(true);
    expect(await cache.getTTL('user:1:t')).toBe(100);
    expect(await cache.setTTL('user:1:none', 100)).toBe(false);
  });

  it('deletes one key, and says whether it was there', async () => {
    await cache.set('user:1:d', 1);
    expect(await cache.delete('user:1:d')).toBe(true);
    expect(await cache.delete('user:1:d')).toBe(false);
    expect(await cache.get('user:1:d')).toBeNull();
  });

  it('deletes by declared pattern, by other globs and by tag, and counts patterns', async () => {
    const fill = async (): Promise<void> => {
      for (const name of ['a', 'b', 'list:1', 'list:2'])
        await cache.set(`user:5:${name}`, name, 60, { tags: ['five'] });
      await cache.set('user:55:a', 'other');
    };
    const left = async (): Promise<string[]> => {
      const keys = ['user:5:a', 'user:5:b', 'user:5:list:1', 'user:5:list:2', 'user:55:a'];
      const values = await cache.getMany(keys);
      return keys.filter((_, at) => values[at] !== null);
    };
    await fill();
    expect(await cache.deletePattern('user:5:list:*')).toBe(2);
    expect(await left()).toEqual(['user:5:a', 'user:5:b', 'user:55:a']);
    await fill();
    expect(await cache.deletePattern('user:5:*')).toBe(4);
    expect(await left()).toEqual(['user:55:a']);
    await fill();
    expect(await cache.deletePattern('*:[ab]')).toBe(3);
    expect(await left()).toEqual(['user:5:list:1', 'user:5:list:2']);
    await fill();
    await cache.deleteByTag('five');
    expect(await left()).toEqual(['user:55:a']);
    expect(await cache.deletePattern('nothing:*')).toBe(0);
  });

  it('takes braces, colons, stars and letters of any script in keys', async () => {
    const keys = ['user:{1}:a', 'a{b}c:d:e', '}{:x:y', 'ключ:ü:😀', 'user:1:a*b', 'plain', 'with space:x:y', ':::'];
    for (const key of keys) expect(await cache.set(key, key)).toBe(true);
    expect(await cache.getMany(keys)).toEqual(keys);
    for (const key of keys) expect(await cache.delete(key)).toBe(true);
  });

  it('loads once for all who wait, and shares a failure', async () => {
    const hold = gate();
    let loads = 0;
    const wait = Array.from({ length: 5 }, () =>
      cache.getOrSet('user:1:once', async () => {
        loads += 1;
        await hold.arrive();
        return loads;
      }),
    );
    await hold.arrived;
    hold.open();
    expect(new Set(await Promise.all(wait))).toEqual(new Set([1]));
    let failures = 0;
    const failing = Array.from({ length: 3 }, () =>
      cache.getOrSet('user:1:fail', async () => {
        failures += 1;
        await Promise.resolve();
        throw new Error('the source said no');
      }),
    );
    for (const one of await Promise.allSettled(failing)) expect(one.status).toBe('rejected');
    expect(failures).toBe(1);
    expect(await cache.getOrSet('user:1:fail', () => 'later')).toBe('later');
  });

  it('a caller that gives up leaves the load to the others', async () => {
    const hold = gate();
    const controller = new AbortController();
    const loader = async (): Promise<string> => {
      await hold.arrive();
      return 'value';
    };
    const gone = cache.getOrSet('user:1:s', loader, { signal: controller.signal });
    await hold.arrived;
    const stays = cache.getOrSet('user:1:s', loader);
    controller.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    hold.open();
    expect(await stays).toBe('value');
  });

  for (const [name, invalidate] of [
    ['delete', (by: CacheService) => by.delete('user:1:race')],
    ['set', (by: CacheService) => by.set('user:1:race', 'new')],
    ['pattern', (by: CacheService) => by.deletePattern('user:1:*')],
    ['glob', (by: CacheService) => by.deletePattern('*:race')],
    ['tag', (by: CacheService) => by.deleteByTag('race')],
  ] as const) {
    for (const from of share.betweenInstances ? (['this', 'another'] as const) : (['this'] as const)) {
      it(`${name} from ${from} instance: a load that began before is neither kept nor joined`, async () => {
        const other = await another();
        const hold = gate();
        const early = cache.getOrSet(
          'user:1:race',
          async () => {
            await hold.arrive();
            return 'old';
          },
          { tags: ['race'] },
        );
        await hold.arrived;
        await invalidate(from === 'this' ? cache : other);
        const readers = share.betweenInstances && from === 'another' ? [other] : [cache];
        for (const reader of readers) {
          expect(await reader.getOrSet('user:1:race', () => 'new', { tags: ['race'] })).toBe('new');
        }
        hold.open();
        expect(await early).toBe('old');
        await new Promise((resolve) => setImmediate(resolve));
        for (const reader of share.betweenInstances ? [cache, other] : [cache]) {
          expect(await reader.getOrSet('user:1:race', () => 'new', { tags: ['race'] })).toBe('new');
        }
      });
    }
  }

  it('metrics move with what happens, and start over when told', async () => {
    await cache.set('user:1:m', 1);
    await cache.get('user:1:m');
    await cache.get('user:1:absent');
    await cache.delete('user:1:m');
    const metrics = cache.getMetrics();
    expect(metrics).toMatchObject({ hits: 1, misses: 1, hitRate: 50 });
    expect(metrics.sets).toBeGreaterThan(0);
    expect(metrics.deletes).toBeGreaterThan(0);
    expect(cache.getHitRate()).toBe(50);
    cache.resetMetrics();
    expect(cache.getMetrics()).toMatchObject({ hits: 0, misses: 0, sets: 0, deletes: 0, hitRate: 0 });
  });

  it('may be disconnected twice, and connects again', async () => {
    await cache.disconnect();
    await cache.disconnect();
    expect(cache.isHealthy()).toBe(false);
    await cache.connect();
    await cache.set('user:1:again', 1);
    expect(await cache.get('user:1:again')).toBe(1);
  });
}
