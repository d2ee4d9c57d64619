import { chooseLoadGenerator } from '../../harness/http-load.js';
import { measured, type Measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { besideOurs, judgePairs, type Pairs } from '../neighbours.js';
import { TrackedContestant } from '../tracked-contestant.js';
import type { TrackedKind } from '../workers/tracking-worker.js';

const TURN_SECONDS = 1;
const TOGETHER_SECONDS = 2;
const CPU = ', CPU a request';
const TOGETHER = ', CPU a request, side by side';

/** Request tracking on Fastify, every request traced. */
export function fastifyTracking(context: BenchContext): Promise<Answer> {
  return tracking(context, {
    question: 'Request tracking and tracing on Fastify',
    bare: 'bare Fastify, same headers',
    ours: 'Fastify and @dunlin/monitoring',
    least: 0.9,
    peers: ['Fastify and fastify-metrics', 'Fastify and OpenTelemetry', 'Fastify and a prom-client hook by hand'],
    others: ['Fastify and under-pressure', 'Fastify and @dunlin/monitoring, context asked for'],
    note: 'under-pressure has no figures of requests and is shown only. “Context asked for” calls `logFields()` behind nothing but the handler’s own start, which keeps AsyncLocalStorage at work; without any such question it rests.',
  });
}

/** The same on Express 5. */
export function expressTracking(context: BenchContext): Promise<Answer> {
  return tracking(context, {
    question: 'Request tracking and tracing on Express 5',
    bare: 'bare Express, same headers',
    ours: 'Express and @dunlin/monitoring',
    least: 0.95,
    peers: [
      'Express and a prom-client middleware by hand',
      'Express and express-prom-bundle',
      'Express and swagger-stats',
    ],
    others: [],
    note: '',
  });
}

interface TrackingQuestion {
  readonly question: string;
  readonly bare: TrackedKind;
  readonly ours: TrackedKind;
  readonly least: number;
  readonly peers: readonly TrackedKind[];
  /** Measured beside them, without a target. */
  readonly others: readonly TrackedKind[];
  readonly note: string;
}

async function tracking(context: BenchContext, asked: TrackingQuestion): Promise<Answer> {
  const { bare, ours, peers } = asked;
  const found = await measure(context, asked);
  const oursTurns = measured(ours, 'k/s', found.turns.ours);
  const turnsOf = (kind: TrackedKind): Pairs => found.turns.pairs.get(kind)!;
  const otherTurns = (kind: TrackedKind): Measured => measured(kind, 'k/s', turnsOf(kind).others);
  const besides = [bare, ...peers, ...asked.others];
  const oursTogether = measured(ours + TOGETHER, 'µs', found.together.ours);
  const bareTogether = measured(bare + TOGETHER, 'µs', found.together.others);
  const cpuLimit = Math.round(1_000 / asked.least) / 1_000;
  const against = (kind: TrackedKind, least: number, name: string) =>
    judgePairs(name, oursTurns, otherTurns(kind), turnsOf(kind).ratios, { atLeast: least });
  return {
    question: asked.question,
    method:
      `A handler that answers \`{"hello":"world"}\`, ${chooseLoadGenerator(undefined).name} with 64 connections, server and generator on different cores; the bare one sends constant headers of the same length, the peers send none. Every server is warmed until its CPU time a request is steady. Ours has a turn of ${TURN_SECONDS} s between every two others, and a ratio is the median over the pairs of neighbouring turns, not that of the medians in the table: a shared machine changes its speed within a run. “Side by side” are ours and the bare one under load at the same moment on the same core for ${TOGETHER_SECONDS} s a round, which no such change can favour. ${asked.note}`.trimEnd(),
    measured: [
      oursTurns,
      ...besides.map(otherTurns),
      ...[ours, ...besides].map((kind) => measured(kind + CPU, 'µs', found.cpu.get(kind) ?? [])),
      oursTogether,
      bareTogether,
    ],
    targets: [
      against(bare, asked.least, `${ours} against the ${bare}`),
      judgePairs('the same in CPU time a request', oursTogether, bareTogether, found.together.ratios, {
        atMost: cpuLimit,
      }),
      ...peers.map((peer) => against(peer, 1, `${ours} against ${peer}`)),
    ],
  };
}

interface Found {
  readonly turns: { readonly ours: readonly number[]; readonly pairs: ReadonlyMap<TrackedKind, Pairs> };
  /** CPU time a request in those turns. */
  readonly cpu: ReadonlyMap<TrackedKind, readonly number[]>;
  /** CPU time a request of ours and of the bare one at the same time. */
  readonly together: Pairs & { readonly ours: readonly number[] };
}

async function measure(context: BenchContext, asked: TrackingQuestion): Promise<Found> {
  const others = [asked.bare, ...asked.peers, ...asked.others];
  const kinds = [asked.ours, ...others];
  const generator = chooseLoadGenerator(context.cores.other);
  const contestants = new Map<TrackedKind, TrackedContestant>();
  const cpu = new Map<TrackedKind, number[]>(kinds.map((kind) => [kind, []]));
  try {
    for (const kind of kinds) {
      const contestant = await TrackedContestant.start(kind, context.cores.measured);
      contestants.set(kind, contestant);
      await contestant.warmUp(generator);
    }
    const measureTurn = async (kind: TrackedKind): Promise<number> => {
      const { perSecond, cpuMicrosARequest } = await contestants.get(kind)!.load(generator, TURN_SECONDS);
      cpu.get(kind)?.push(cpuMicrosARequest);
      return perSecond / 1_000;
    };
    const turns = await besideOurs(measureTurn, asked.ours, others, context.rounds);
    const together = { ours: [] as number[], others: [] as number[], ratios: [] as number[] };
    for (let round = 0; round < context.rounds; round += 1) {
      const [ours, bare] = await Promise.all(
        [asked.ours, asked.bare].map((kind) => contestants.get(kind)!.load(generator, TOGETHER_SECONDS)),
      );
      together.ours.push(ours!.cpuMicrosARequest);
      together.others.push(bare!.cpuMicrosARequest);
      together.ratios.push(ours!.cpuMicrosARequest / bare!.cpuMicrosARequest);
    }
    return { turns, cpu, together };
  } finally {
    await Promise.all([...contestants.values()].map((contestant) => contestant.stop()));
  }
}
