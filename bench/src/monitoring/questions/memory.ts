import { inTurn, named } from '../../harness/in-turn.js';
import { measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { ceiling } from '../../harness/target.js';
import { startWorker } from '../../harness/worker.js';
import type { ObserverName } from '../contestants/all.js';
import { turns, withObservers } from '../observer-turn.js';

const names: readonly ObserverName[] = [
  '@dunlin/monitoring',
  '@datadog/sketches-js',
  'hdr-histogram-js',
  'prom-client Histogram',
  'prom-client Summary',
  'OpenTelemetry exponential',
];
const SERIES = 200;
const KB = 1_024;

/** What a series keeps in memory. */
export async function memoryOfASeries(context: BenchContext): Promise<Answer> {
  const bytes = await withObservers(names, (ask) =>
    inTurn(turns(names, ask, { do: 'weigh', series: SERIES }), context.rounds, 'bytes'),
  );
  const all = bytes.map((one) =>
    measured(
      one.contestant,
      'KB',
      one.rounds.map((round) => round / KB),
    ),
  );
  const endpoint = measured(
    '@dunlin/monitoring, an endpoint with its three windows',
    'KB',
    await endpointRounds(context),
  );
  return {
    question: 'Memory of a series',
    method: `Heap and array buffers after a full collection: ${SERIES} series with 5,000 log-normal values each, all windows off; and 50 endpoints of one monitor that got 20 requests a second each for 70 minutes, so that the slots of its 1-minute, 5-minute and 1-hour windows are all in use.`,
    measured: [...all, endpoint],
    targets: [ceiling('memory of an endpoint with its three windows', endpoint, named(all, 'hdr-histogram-js'), 64)],
  };
}

async function endpointRounds(context: BenchContext): Promise<number[]> {
  const worker = await startWorker(new URL('../workers/endpoint-weight-worker.js', import.meta.url), {});
  try {
    const rounds: number[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      rounds.push((await worker.ask<number>({ do: 'weigh', seed: 50 + round }, 120_000)) / KB);
    }
    return rounds;
  } finally {
    await worker.stop();
  }
}
