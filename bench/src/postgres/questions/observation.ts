import { inTurn, named } from '../../harness/in-turn.js';
import { measured, type Measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atLeastTimes, lessThan, type Target } from '../../harness/target.js';
import { startWorker, type Worker } from '../../harness/worker.js';
import { withLedger } from '../ledger-under-test.js';
import type {
  ObservationContestant,
  ObservationReply,
  ObservationRequest,
  ObservationSettings,
} from '../workers/observation-worker.js';

const module = new URL('../workers/observation-worker.js', import.meta.url);
const contestants: readonly ObservationContestant[] = [
  '@dunlin/postgres',
  'pg, its pool',
  'pg, clients by hand',
  'kysely',
  'knex',
];
const forMs = 1_500;
const mostAddedMicros = 2;

/** What it costs that every statement is seen: CPU a query and throughput, 64 reads by primary key in flight. */
export function observation(context: BenchContext): Promise<Answer> {
  return withLedger(context, async ({ full, users }) => {
    const workers: Worker[] = [];
    try {
      for (const contestant of contestants) {
        const settings: ObservationSettings = { contestant, url: full.url, ids: users.sample };
        workers.push(await startWorker(module, settings));
      }
      const cpu = contestants.map((): number[] => []);
      const throughput = await inTurn(
        contestants.map((contestant, index) => ({
          contestant,
          async measure() {
            const reply = await workers[index]?.ask<ObservationReply>({ forMs } satisfies ObservationRequest);
            cpu[index]?.push(reply?.cpuMicros ?? NaN);
            return reply?.perSecond ?? NaN;
          },
        })),
        context.rounds,
        'queries/s',
      );
      // The first of each warmed up, as in `inTurn`.
      const cost = contestants.map((contestant, index) =>
        measured(`${contestant}: CPU`, 'µs', (cpu[index] ?? []).slice(1)),
      );
      return answerOf(throughput, cost);
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }
  });
}

function answerOf(throughput: readonly Measured[], cost: readonly Measured[]): Answer {
  const ours = named(throughput, '@dunlin/postgres');
  const ourCost = named(cost, '@dunlin/postgres: CPU');
  const bare = named(cost, 'pg, its pool: CPU');
  return {
    question: 'Observation of each query',
    method:
      `A read by primary key as a named prepared statement, 64 in flight over 10 connections, ${forMs} ms a round, each in a process of its own. ` +
      'Ours with a context and a listener, as the wallet runs it. knex and kysely build their statement anew each time, unnamed, as they do. CPU is that of the process, user and system.',
    measured: [...throughput, ...cost],
    targets: [
      added('observation: CPU over bare pg', ourCost, bare),
      atLeastTimes('observation: throughput of bare pg', ours, named(throughput, 'pg, its pool'), 0.95),
      lessThan('observation: CPU against kysely', ourCost, named(cost, 'kysely: CPU')),
      lessThan('observation: CPU against knex', ourCost, named(cost, 'knex: CPU')),
    ],
  };
}

function added(name: string, ours: Measured, against: Measured): Target {
  return {
    name,
    ours: ours.median,
    against: against.median,
    unit: ours.unit,
    ratio: ours.median / against.median,
    target: `at most ${mostAddedMicros} µs more`,
    holds: ours.median <= against.median + mostAddedMicros,
    againstWhat: against.contestant,
    oursSpread: [ours.low, ours.high],
    againstSpread: [against.low, against.high],
  };
}
