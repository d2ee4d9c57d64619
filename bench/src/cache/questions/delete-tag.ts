import { inTurn, named } from '../../harness/in-turn.js';
import type { Measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atMostTimes, ceiling } from '../../harness/target.js';
import type { ContestantName } from '../contestants/all.js';
import { withKeyed } from '../keyed-turn.js';

const members = 1_000;
const tag = 'catalogue';
const forMs = 200;

const removers: readonly ContestantName[] = ['@dunlin/cache', 'bentocache', 'cacheable with tags', 'generation bump'];

/** Removing a tag that 1,000 values carry. */
export async function deleteTag(context: BenchContext): Promise<Answer> {
  const wanted = removers.map((name) => [name, { tier: 'both', keyCount: members, mark: 'tag' }] as const);
  const all = await withKeyed(context, wanted, (workers) => {
    const turns = workers.map((worker) => ({
      contestant: worker.contestant,
      async measure() {
        if (worker.contestant !== 'generation bump') await worker.ask({ do: 'fill', tags: [tag] });
        return worker.ask<number>({ do: 'removeTag', tag });
      },
    }));
    return inTurn(turns, context.rounds, 'ms');
  });
  return {
    question: 'Delete by tag, 1,000 members',
    method: 'Memory over Redis, 1,000 tagged values in both. The limit is one INCR.',
    measured: all,
    targets: [ceiling('delete by tag, 1,000 members', named(all, '@dunlin/cache'), named(all, 'generation bump'), 1)],
  };
}

/** What tags cost those who read. */
export async function readsWithTags(context: BenchContext): Promise<Answer> {
  const measuredAll: Measured[] = [];
  const targets = [];
  for (const tier of ['memory', 'redis'] as const) {
    const pairs = await readPair(context, tier);
    measuredAll.push(...pairs);
    for (const read of ['get', 'getOrSet']) {
      const name = (tagged: string) => `@dunlin/cache ${read}, ${tier}, ${tagged}`;
      // 1.1: two measurements of the same thing differ by as much on a machine that is shared.
      targets.push(
        atMostTimes(
          `reads of tagged values, ${read}, ${tier}`,
          named(pairs, name('tagged')),
          named(pairs, name('untagged')),
          1.1,
        ),
      );
    }
  }
  return {
    question: 'Reads of tagged values',
    method:
      'The same reads of 10,000 values that carry one tag each and of as many that carry none; in memory, and in Redis with the memory tier off.',
    measured: measuredAll,
    targets,
  };
}

async function readPair(context: BenchContext, tier: 'memory' | 'redis'): Promise<Measured[]> {
  const contenders: ContestantName[] =
    tier === 'memory' ? ['@dunlin/cache', 'bentocache', 'cacheable with tags'] : ['@dunlin/cache', 'bentocache'];
  const kinds = contenders.flatMap((name) => [[name, 'tagged'] as const, [name, 'untagged'] as const]);
  const wanted = kinds.map(
    ([name, tagged]) => [name, { tier, keyCount: 10_000, mark: `reads-${tier}-${tagged}` }] as const,
  );
  return withKeyed(context, wanted, async (workers) => {
    for (const [index, worker] of workers.entries()) {
      await worker.ask({ do: 'fill', ...(kinds[index]?.[1] === 'tagged' ? { tags: [tag] } : {}) });
    }
    const turns = workers.flatMap((worker, index) => {
      const [contestant, tagged] = kinds[index] ?? ['?', '?'];
      const get = {
        contestant: `${contestant} get, ${tier}, ${tagged}`,
        measure: async () => (await worker.ask<number>({ do: 'read', forMs, inFlight: 1 })) / 1000,
      };
      const tags = tagged === 'tagged' ? { tags: [tag] } : {};
      const getOrSet = {
        contestant: `${contestant} getOrSet, ${tier}, ${tagged}`,
        measure: async () => (await worker.ask<number>({ do: 'getOrLoad', forMs, ...tags })) / 1000,
      };
      return contestant === '@dunlin/cache' ? [get, getOrSet] : [get];
    });
    return inTurn(turns, context.rounds, 'µs');
  });
}
