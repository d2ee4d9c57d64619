import assert from 'node:assert/strict';
import { define, eventually, type ConformanceCase } from './case.js';

const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    (error as { code?: unknown }).code === wanted;

/** Values and how long they are good. */
export const valueCases: readonly ConformanceCase[] = [
  define('gives back what was set, by value', async (cache) => {
    const given = { text: 'ä', list: [1, 2.5, null, true], nested: { empty: {} } };
    assert.equal(await cache.set('user:1:v', given), true);
    given.list.push(9);
    const got = await cache.get<typeof given>('user:1:v');
    assert.deepEqual(got, { text: 'ä', list: [1, 2.5, null, true], nested: { empty: {} } });
    assert.throws(() => got?.list.push(9), 'callers share the value, so none may change it');
  }),

  define('gives back bytes as bytes, and shares none of them', async (cache) => {
    const given = Buffer.from([0, 255, 10, 13, 128]);
    assert.equal(await cache.set('user:1:bytes', given), true);
    given.fill(7);
    const got = await cache.get<Uint8Array>('user:1:bytes');
    assert.deepEqual([...(got ?? [])], [0, 255, 10, 13, 128]);
    got?.fill(7);
    assert.deepEqual([...((await cache.get<Uint8Array>('user:1:bytes')) ?? [])], [0, 255, 10, 13, 128]);
  }),

  define('tells a missing key from a kept null', async (cache) => {
    assert.equal(await cache.get('user:1:none'), null);
    assert.equal(await cache.exists('user:1:none'), false);
    await cache.set('user:1:null', null);
    assert.equal(await cache.exists('user:1:null'), true);
    let loads = 0;
    assert.equal(await cache.getOrSet('user:1:null', () => (loads += 1)), null);
    assert.equal(loads, 0);
  }),

  define('gives undefined back and does not keep it', async (cache) => {
    let loads = 0;
    for (let n = 0; n < 2; n += 1) assert.equal(await cache.getOrSet('user:1:u', () => void (loads += 1)), undefined);
    assert.equal(loads, 2);
  }),

  define('refuses what JSON would lose, by name', async (cache) => {
    for (const value of [undefined, () => 1, new Map(), { deep: new Set() }, NaN, 1n]) {
      await assert.rejects(cache.set('user:1:bad', value), code('cache_value_unsupported'));
    }
    await assert.rejects(cache.get(''), code('cache_key_invalid'));
    await assert.rejects(cache.set('k', 1, 0), code('cache_option_invalid'));
  }),

  define('takes braces, colons, stars and letters of any script in keys', async (cache) => {
    const keys = ['user:{1}:a', 'a{b}c:d:e', '}{:x:y', 'ключ:ü:😀', 'user:1:a*b', 'plain', 'with space:x:y', ':::'];
    for (const key of keys) assert.equal(await cache.set(key, key), true);
    assert.deepEqual(await cache.getMany(keys), keys);
    for (const key of keys) assert.equal(await cache.delete(key), true);
  }),

  define('forgets a value after its ttl', async (cache) => {
    await cache.set('user:1:long', 'x', 60);
    await cache.set('user:1:short', 'x', 0.05);
    assert.ok(await eventually(async () => (await cache.get('user:1:short')) === null));
    assert.equal(await cache.getTTL('user:1:short'), -2);
    assert.equal(await cache.get('user:1:long'), 'x');
  }),

  define('tells and changes the ttl', async (cache) => {
    await cache.set('user:1:t', 'x', 30);
    // On a busy machine some of it may have passed.
    const first = await cache.getTTL('user:1:t');
    assert.ok(first > 0 && first <= 30, `${first} of 30 seconds`);
    assert.equal(await cache.setTTL('user:1:t', 100), true);
    const second = await cache.getTTL('user:1:t');
    assert.ok(second > 30 && second <= 100, `${second} of 100 seconds`);
    assert.equal(await cache.setTTL('user:1:none', 100), false);
  }),
];
