import { inTurn, named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atLeastTimes, atMostTimes } from '../../harness/target.js';
import type { ContestantName } from '../contestants/all.js';
import { withKeyed, type KeyedWorker } from '../keyed-turn.js';

const keyCount = 10_000;
const forMs = 400;
const manyInFlight = 100;

const libraries: readonly ContestantName[] = ['bentocache', 'cacheable', 'cache-manager', 'keyv on Redis'];
const clients: readonly ContestantName[] = ['ioredis', 'ioredis, parsed', 'ioredis, auto-pipelined', 'node-redis'];

/** A hit in Redis, one read at a time. */
export async function redisHitAlone(context: BenchContext): Promise<Answer> {
  const contenders: ContestantName[] = ['@dunlin/cache', 'ioredis', 'ioredis, parsed', 'node-redis', ...libraries];
  const all = await overRedis(context, contenders, 'alone', 'µs', async (worker) => {
    return (await worker.ask<number>({ do: 'read', forMs, inFlight: 1 })) / 1000;
  });
  const ours = named(all, '@dunlin/cache');
  return {
    question: 'Hit in Redis, one at a time',
    method:
      'Memory tiers off; `await get(key)` over 10,000 keys, Zipf 1. The raw clients do a bare GET and do not parse what they get. Ours reads a value and its group’s generation, and checks both.',
    measured: all,
    targets: [
      atMostTimes('hit in Redis, one at a time, against the raw client used', ours, named(all, 'ioredis'), 1.1),
    ],
  };
}

/** Hits in Redis with a hundred reads under way. */
export async function redisHitMany(context: BenchContext): Promise<Answer> {
  const contenders: ContestantName[] = ['@dunlin/cache', ...clients, ...libraries];
  const all = await overRedis(context, contenders, 'many', 'k/s', async (worker) => {
    return 1e6 / (await worker.ask<number>({ do: 'read', forMs, inFlight: manyInFlight }));
  });
  const ours = named(all, '@dunlin/cache');
  return {
    question: 'Hit in Redis, 100 in flight',
    method:
      'As before, with 100 callers that each read one after the other. Ours sends the reads of one turn together, and those of the same key once.',
    measured: all,
    targets: [
      atLeastTimes('hits in Redis, 100 in flight, against the raw client used', ours, named(all, 'ioredis'), 1.5),
      ...libraries.map((name) =>
        atLeastTimes(`hits in Redis, 100 in flight, against ${name}`, ours, named(all, name), 2),
      ),
    ],
  };
}

async function overRedis(
  context: BenchContext,
  contenders: readonly ContestantName[],
  mark: string,
  unit: string,
  measure: (worker: KeyedWorker) => Promise<number>,
) {
  const wanted = contenders.map((name) => [name, { tier: 'redis', keyCount, mark }] as const);
  return withKeyed(context, wanted, async (workers) => {
    for (const worker of workers) await worker.ask({ do: 'fill' });
    const turns = workers.map((worker) => ({ contestant: worker.contestant, measure: () => measure(worker) }));
    return inTurn(turns, context.rounds, unit);
  });
}
