import assert from 'node:assert/strict';
import { deferred } from '../deferred.js';
import { define, eventually, type ConformanceCase } from './case.js';

/** Loads that callers share. */
export const loadCases: readonly ConformanceCase[] = [
  define('loads once for all who wait', async (cache) => {
    const begun = deferred<void>();
    const go = deferred<void>();
    let loads = 0;
    const waiting = Array.from({ length: 5 }, () =>
      cache.getOrSet('user:1:once', async () => {
        loads += 1;
        begun.resolve();
        await go.promise;
        return loads;
      }),
    );
    await begun.promise;
    go.resolve();
    assert.deepEqual(await Promise.all(waiting), [1, 1, 1, 1, 1]);
    assert.equal(await cache.get('user:1:once'), 1);
  }),

  define('shares a failure among those who wait, keeps no value for it, and soon loads again', async (cache) => {
    let failures = 0;
    const failing = Array.from({ length: 3 }, () =>
      cache.getOrSet('user:1:fail', async () => {
        failures += 1;
        await Promise.resolve();
        throw new Error('the source said no');
      }),
    );
    for (const one of await Promise.allSettled(failing)) {
      assert.equal(one.status, 'rejected');
      assert.equal((one.reason as Error).message, 'the source said no');
    }
    assert.equal(failures, 1);
    assert.equal(await cache.get('user:1:fail'), null);
    const later = (): Promise<string> => cache.getOrSet('user:1:fail', () => 'later').catch(() => 'not yet');
    assert.ok(await eventually(async () => (await later()) === 'later'));
  }),

  define('a caller that gives up leaves the load to the others', async (cache) => {
    const begun = deferred<void>();
    const go = deferred<void>();
    const controller = new AbortController();
    const loader = async (): Promise<string> => {
      begun.resolve();
      await go.promise;
      return 'value';
    };
    const gone = cache.getOrSet('user:1:s', loader, { signal: controller.signal });
    await begun.promise;
    const stays = cache.getOrSet('user:1:s', loader);
    controller.abort(new Error('gone'));
    await assert.rejects(gone, { message: 'gone' });
    go.resolve();
    assert.equal(await stays, 'value');
  }),

  define('skipCache loads in any case and keeps what comes', async (cache) => {
    await cache.set('user:1:skip', 'old');
    assert.equal(await cache.getOrSet('user:1:skip', () => 'new', { skipCache: true }), 'new');
    assert.equal(await cache.get('user:1:skip'), 'new');
  }),
];
