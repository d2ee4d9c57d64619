import { inTurn, named } from '../../harness/in-turn.js';
import { measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atMostTimes, exactly } from '../../harness/target.js';
import type { ContestantName } from '../contestants/all.js';
import { withKeyed, type KeyedWorker } from '../keyed-turn.js';
import type { Stampede } from '../workers/keyed-worker.js';

const processes = 4;
const callersEach = 250;
const loaderMs = 50;
/** Between the request and the common start; the four must all be waiting by then. */
const leadMs = 60;

const contenders: readonly ContestantName[] = ['@dunlin/cache', 'bentocache', 'cacheable', 'cache-manager'];

/** A thousand callers in four processes miss the same key at once. */
export async function stampede(context: BenchContext): Promise<Answer> {
  const wanted = contenders.flatMap((name) =>
    Array.from({ length: processes }, () => [name, { tier: 'both', keyCount: 0, mark: 'stampede' }] as const),
  );
  const loads = new Map<ContestantName, number[]>(contenders.map((name) => [name, []]));
  const times = await withKeyed(context, wanted, (workers) => {
    const turns = contenders.map((contestant) => ({
      contestant,
      async measure() {
        const ended = await oneStampede(workers.filter((worker) => worker.contestant === contestant));
        loads.get(contestant)?.push(ended.loads);
        return ended.tookMs;
      },
    }));
    return inTurn(turns, context.rounds, 'ms');
  });
  // The first figure of each is the round that warmed up; its loads count as well, for a fifth load is one wherever it happens.
  const loadsOf = (name: ContestantName) => measured(`${name}, loads`, 'loads', loads.get(name) ?? []);
  const loader = measured('the loader alone', 'ms', [loaderMs]);
  const oneLoad = measured('one load', 'loads', [1]);
  return {
    question: '1,000 simultaneous misses in 4 processes',
    method: `Four processes, ${callersEach} callers each, start at the same millisecond on a key that nobody has; the loader takes ${loaderMs} ms. Loads of all processes together, and the time to the last answer.`,
    measured: [...times, ...contenders.map(loadsOf)],
    targets: [
      exactly('1,000 misses in 4 processes: loads', loadsOf('@dunlin/cache'), oneLoad, 1),
      atMostTimes('1,000 misses in 4 processes: until all are answered', named(times, '@dunlin/cache'), loader, 1.5),
    ],
  };
}

let serial = 0;

async function oneStampede(workers: readonly KeyedWorker[]): Promise<Stampede> {
  serial += 1;
  const key = `user:${serial}:missing`;
  const atMs = Date.now() + leadMs;
  const ended = await Promise.all(
    workers.map((worker) => worker.ask<Stampede>({ do: 'stampede', key, callers: callersEach, atMs, loaderMs })),
  );
  return {
    loads: ended.reduce((sum, one) => sum + one.loads, 0),
    tookMs: Math.max(...ended.map((one) => one.tookMs)),
  };
}
