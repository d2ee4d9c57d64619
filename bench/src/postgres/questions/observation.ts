import { measured, medianOf, type Measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { lessThan, type Target } from '../../harness/target.js';
import { startWorker, type Worker } from '../../harness/worker.js';
import { besideOurs, judgePairs, type Pairs } from '../../monitoring/neighbours.js';
import { withLedger } from '../ledger-under-test.js';
import type {
  ObservationContestant,
  ObservationReply,
  ObservationRequest,
  ObservationSettings,
} from '../workers/observation-worker.js';

const module = new URL('../workers/observation-worker.js', import.meta.url);
const ours: ObservationContestant = '@dunlin/postgres';
const bare: ObservationContestant = 'pg, its pool';
const others: readonly ObservationContestant[] = [bare, 'pg, clients by hand', 'kysely', 'knex'];
const warmUpMs = 2_000;
const turnMs = 1_000;
const togetherMs = 1_500;
const mostAddedMicros = 2;
const CPU = ': CPU';
const TOGETHER = ': CPU, side by side';

interface Found {
  readonly turns: { readonly ours: readonly number[]; readonly pairs: ReadonlyMap<ObservationContestant, Pairs> };
  /** CPU time a query in those turns. */
  readonly cpu: ReadonlyMap<ObservationContestant, readonly number[]>;
  /** CPU time a query of ours and of the bare driver under load at the same moment. */
  readonly together: { readonly ours: readonly number[]; readonly bare: readonly number[] };
}

/** What it costs that every statement is seen: CPU a query and throughput, 64 reads by primary key in flight. */
export function observation(context: BenchContext): Promise<Answer> {
  return withLedger(context, async ({ full, users }) => {
    const workers = new Map<ObservationContestant, Worker>();
    try {
      for (const contestant of [ours, ...others]) {
        const settings: ObservationSettings = { contestant, url: full.url, ids: users.sample };
        workers.set(contestant, await startWorker(module, settings, context.cores.measured));
      }
      const read = async (contestant: ObservationContestant, forMs: number): Promise<ObservationReply> =>
        workers.get(contestant)!.ask<ObservationReply>({ forMs } satisfies ObservationRequest);
      return answerOf(await measure(read, context.rounds));
    } finally {
      await Promise.all([...workers.values()].map((worker) => worker.stop()));
    }
  });
}

async function measure(
  read: (contestant: ObservationContestant, forMs: number) => Promise<ObservationReply>,
  rounds: number,
): Promise<Found> {
  for (const contestant of [ours, ...others]) await read(contestant, warmUpMs);
  const cpu = new Map<ObservationContestant, number[]>([ours, ...others].map((one) => [one, []]));
  const turn = async (contestant: ObservationContestant): Promise<number> => {
    const { perSecond, cpuMicros } = await read(contestant, turnMs);
    cpu.get(contestant)?.push(cpuMicros);
    return perSecond;
  };
  const turns = await besideOurs(turn, ours, others, rounds);
  const together = { ours: [] as number[], bare: [] as number[] };
  // Twice as many rounds: what is looked for is a few hundredths of what is measured.
  for (let round = 0; round < rounds * 2; round += 1) {
    const [one, other] = await Promise.all([read(ours, togetherMs), read(bare, togetherMs)]);
    together.ours.push(one.cpuMicros);
    together.bare.push(other.cpuMicros);
  }
  return { turns, cpu, together };
}

function answerOf({ turns, cpu, together }: Found): Answer {
  const pairsOf = (contestant: ObservationContestant): Pairs => turns.pairs.get(contestant)!;
  const throughput = (contestant: ObservationContestant): Measured =>
    measured(contestant, 'queries/s', contestant === ours ? turns.ours : pairsOf(contestant).others);
  const cost = (contestant: ObservationContestant): Measured =>
    measured(contestant + CPU, 'µs', cpu.get(contestant) ?? []);
  const all = [ours, ...others];
  const oursTogether = measured(ours + TOGETHER, 'µs', together.ours);
  const bareTogether = measured(bare + TOGETHER, 'µs', together.bare);
  return {
    question: 'Observation of each query',
    method:
      'A read by primary key as a named prepared statement, 64 in flight over 10 connections, each contestant in a process of its own, all on one core, each warmed up. ' +
      `Ours has a turn of ${turnMs} ms between every two others, and the ratio of throughput is the median over the pairs of neighbouring turns. “Side by side” are ours and the bare driver under load at the same moment for ${togetherMs} ms a round, so that no change of the machine's speed favours one; what is added is the median of the rounds' differences. ` +
      'Ours with a context and a listener, as the wallet runs it. knex and kysely build their statement anew each time, unnamed, as they do. CPU is that of the process, user and system.',
    measured: [...all.map(throughput), ...all.map(cost), oursTogether, bareTogether],
    targets: [
      added('observation: CPU over bare pg', oursTogether, bareTogether),
      judgePairs('observation: throughput of bare pg', throughput(ours), throughput(bare), pairsOf(bare).ratios, {
        atLeast: 0.95,
      }),
      lessThan('observation: CPU against kysely', cost(ours), cost('kysely')),
      lessThan('observation: CPU against knex', cost(ours), cost('knex')),
    ],
  };
}

/** Judged by the median of what the rounds differ by; the ratio is that of the rounds, too. */
function added(name: string, one: Measured, against: Measured): Target {
  const more = medianOf(one.rounds.map((micros, round) => micros - (against.rounds[round] ?? NaN)));
  const ratio = medianOf(one.rounds.map((micros, round) => micros / (against.rounds[round] ?? NaN)));
  return {
    name,
    ours: one.median,
    against: against.median,
    unit: one.unit,
    ratio,
    target: `at most ${mostAddedMicros} µs more (${more.toFixed(1)} in the median round)`,
    holds: more <= mostAddedMicros,
    againstWhat: against.contestant,
    oursSpread: [one.low, one.high],
    againstSpread: [against.low, against.high],
  };
}
