import assert from 'node:assert/strict';
import { define, type ConformanceCase } from './case.js';

/** Figures, and the end of an instance. */
export const lifeCases: readonly ConformanceCase[] = [
  define('metrics move with what happens, and start over when told', async (cache) => {
    await cache.set('user:1:m', 1);
    await cache.get('user:1:m');
    await cache.get('user:1:absent');
    await cache.delete('user:1:m');
    const { hits, misses, hitRate, sets, deletes } = cache.getMetrics();
    assert.deepEqual({ hits, misses, hitRate }, { hits: 1, misses: 1, hitRate: 50 });
    assert.ok(sets > 0 && deletes > 0);
    assert.equal(cache.getHitRate(), 50);
    cache.resetMetrics();
    const after = cache.getMetrics();
    assert.deepEqual([after.hits, after.misses, after.sets, after.deletes, after.hitRate], [0, 0, 0, 0, 0]);
  }),

  define('may be disconnected twice, and connects again', async (cache) => {
    await cache.disconnect();
    await cache.disconnect();
    assert.equal(cache.isHealthy(), false);
    await cache.connect();
    await cache.set('user:1:again', 1);
    assert.equal(await cache.get('user:1:again'), 1);
  }),
];
