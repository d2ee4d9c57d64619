import assert from 'node:assert/strict';
import { define, type ConformanceCase, type ConformingCache } from './case.js';

const ofFive = ['user:5:a', 'user:5:b', 'user:5:list:1', 'user:5:list:2'];
const other = 'user:55:a';

async function fill(cache: ConformingCache): Promise<void> {
  for (const key of ofFive) await cache.set(key, key, 60, { tags: ['five'] });
  await cache.set(other, other);
}

async function left(cache: ConformingCache): Promise<string[]> {
  const keys = [...ofFive, other];
  const values = await cache.getMany(keys);
  return keys.filter((_, at) => values[at] !== null);
}

/** Removal by key, pattern and tag. */
export const invalidationCases: readonly ConformanceCase[] = [
  define('deletes one key, and says whether it was there', async (cache) => {
    await cache.set('user:1:d', 1);
    assert.equal(await cache.delete('user:1:d'), true);
    assert.equal(await cache.delete('user:1:d'), false);
    assert.equal(await cache.get('user:1:d'), null);
  }),

  define('deletes by declared pattern, and counts what it removed', async (cache) => {
    await fill(cache);
    assert.equal(await cache.deletePattern('user:5:list:*'), 2);
    assert.deepEqual(await left(cache), ['user:5:a', 'user:5:b', other]);
    await fill(cache);
    assert.equal(await cache.deletePattern('user:5:*'), 4);
    assert.deepEqual(await left(cache), [other]);
    assert.equal(await cache.deletePattern('nothing:*'), 0);
  }),

  define('deletes by any other glob', async (cache) => {
    await fill(cache);
    assert.equal(await cache.deletePattern('*:[ab]'), 3);
    assert.deepEqual(await left(cache), ['user:5:list:1', 'user:5:list:2']);
  }),

  define('deletes by tag', async (cache) => {
    await fill(cache);
    await cache.deleteByTag('five');
    assert.deepEqual(await left(cache), [other]);
  }),
];
