import assert from 'node:assert/strict';
import { deferred } from '../deferred.js';
import { define, type ConformanceCase, type ConformingCache } from './case.js';

const key = 'user:1:race';

const invalidations: readonly (readonly [string, (by: ConformingCache) => Promise<unknown>])[] = [
  ['delete', (by) => by.delete(key)],
  ['set', (by) => by.set(key, 'new')],
  ['pattern', (by) => by.deletePattern('user:1:*')],
  ['glob', (by) => by.deletePattern('*:race')],
  ['tag', (by) => by.deleteByTag('race')],
];

/** A load that began before an invalidation is neither kept nor joined by who comes after it. */
export function raceCases(share: { readonly betweenInstances: boolean }): readonly ConformanceCase[] {
  const sources = share.betweenInstances ? (['this', 'another'] as const) : (['this'] as const);
  return invalidations.flatMap(([name, invalidate]) =>
    sources.map((from) =>
      define(
        `${name} from ${from} instance: a load that began before is neither kept nor joined`,
        async (cache, another) => {
          const second = await another();
          const readNew = (by: ConformingCache): Promise<string> => by.getOrSet(key, () => 'new', { tags: ['race'] });
          const begun = deferred<void>();
          const go = deferred<void>();
          const loader = async (): Promise<string> => {
            begun.resolve();
            await go.promise;
            return 'old';
          };
          const early = cache.getOrSet(key, loader, { tags: ['race'] });
          await begun.promise;
          await invalidate(from === 'this' ? cache : second);
          assert.equal(await readNew(from === 'this' ? cache : second), 'new');
          go.resolve();
          assert.equal(await early, 'old');
          // The fill that must not happen has its chance.
          await new Promise((resolve) => setImmediate(resolve));
          for (const reader of share.betweenInstances ? [cache, second] : [cache])
            assert.equal(await readNew(reader), 'new');
        },
      ),
    ),
  );
}
