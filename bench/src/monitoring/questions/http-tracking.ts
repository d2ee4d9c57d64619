import { chooseLoadGenerator } from '../../harness/http-load.js';
import { inTurn, named } from '../../harness/in-turn.js';
import { measured, type Measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atLeastTimes, atMostTimes } from '../../harness/target.js';
import { startWorker, type Worker } from '../../harness/worker.js';
import type { TrackedKind, TrackingSettings } from '../workers/tracking-worker.js';

const forSeconds = 1;
const CPU = ', CPU a request';

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
  const kinds = [asked.bare, asked.ours, ...asked.peers, ...asked.others];
  const { throughput, cpu } = await measure(context, kinds);
  const ours = named(throughput, asked.ours);
  const oursCpu = named(cpu, asked.ours + CPU);
  const bareCpu = named(cpu, asked.bare + CPU);
  return {
    question: asked.question,
    method:
      `A handler that answers \`{"hello":"world"}\`, ${chooseLoadGenerator(undefined).name} with 64 connections for ${forSeconds} s a round, server and generator on different cores; the bare one sends constant headers of the same length. Beside the throughput stands what a request cost in CPU time, which says more where others use the machine too. ${asked.note}`.trimEnd(),
    measured: [...throughput, ...cpu],
    targets: [
      atLeastTimes(`${asked.ours} against the ${asked.bare}`, ours, named(throughput, asked.bare), asked.least),
      atMostTimes(`the same in CPU time a request`, oursCpu, bareCpu, Math.round(1_000 / asked.least) / 1_000),
      ...asked.peers.map((peer) => atLeastTimes(`${asked.ours} against ${peer}`, ours, named(throughput, peer), 1)),
    ],
  };
}

async function measure(
  context: BenchContext,
  kinds: readonly TrackedKind[],
): Promise<{ throughput: Measured[]; cpu: Measured[] }> {
  const generator = chooseLoadGenerator(context.cores.other);
  const workers: Worker[] = [];
  const cpuRounds = new Map<TrackedKind, number[]>(kinds.map((kind) => [kind, []]));
  try {
    const turns = [];
    for (const kind of kinds) {
      const settings: TrackingSettings = { kind };
      const module = new URL('../workers/tracking-worker.js', import.meta.url);
      const worker = await startWorker(module, settings, context.cores.measured);
      workers.push(worker);
      const url = `http://127.0.0.1:${await worker.ask<number>({ do: 'port' })}/`;
      await checkIsSeen(worker, url, kind);
      const measureOnce = async (): Promise<number> => {
        const before = await worker.ask<number>({ do: 'cpu' });
        const perSecond = await generator.run(url, forSeconds);
        const used = (await worker.ask<number>({ do: 'cpu' })) - before;
        cpuRounds.get(kind)?.push(used / (perSecond * forSeconds));
        return perSecond / 1_000;
      };
      turns.push({ contestant: kind, measure: measureOnce });
    }
    const throughput = await inTurn(turns, context.rounds, 'k/s');
    // The first round warms up there, so it does not count here either.
    const cpu = kinds.map((kind) => measured(kind + CPU, 'µs', (cpuRounds.get(kind) ?? []).slice(1)));
    return { throughput, cpu };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

const PATIENCE_MS = 5_000;

/** What watches must have seen the request, and ours must say so in its headers; else something else is measured than what stands there. */
async function checkIsSeen(worker: Worker, url: string, kind: TrackedKind): Promise<void> {
  const response = await fetch(url);
  if ((await response.text()) !== '{"hello":"world"}') throw new Error(`${kind}: another answer`);
  const named = response.headers.get('traceparent') !== null && response.headers.get('x-correlation-id') !== null;
  if ((kind.includes('bare') || kind.includes('@dunlin')) && !named)
    throw new Error(`${kind}: the headers are missing`);
  const untilMs = performance.now() + PATIENCE_MS;
  while ((await worker.ask<number | null>({ do: 'seen' })) === 0) {
    if (performance.now() > untilMs) throw new Error(`${kind}: has not seen the request`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
