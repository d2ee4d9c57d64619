import { inTurn, named } from '../../harness/in-turn.js';
import { measured, type Measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { ceiling, lessThan } from '../../harness/target.js';
import type { ObserverName } from '../contestants/all.js';
import { turns, withObservers } from '../observer-turn.js';

const sketches: readonly ObserverName[] = [
  '@dunlin/monitoring',
  '@datadog/sketches-js',
  'hdr-histogram-js',
  'hdr-histogram-js, WASM',
  'node:perf_hooks',
  'prom-client Histogram',
  'prom-client Summary',
  'OpenTelemetry exponential',
];

const shares = ['P50', 'P95', 'P99'];

/** How far quantiles are off. */
export async function quantileError(context: BenchContext): Promise<Answer> {
  const all = await withObservers(sketches, async (ask) => {
    const found: Measured[] = [];
    for (const name of sketches) {
      const rounds: number[][] = [];
      for (let round = 0; round < context.rounds; round += 1) {
        rounds.push(await ask<number[]>(name, { do: 'err', seed: 1_000 + round }));
      }
      shares.forEach((share, i) =>
        found.push(
          measured(
            `${name}, ${share}`,
            '%',
            rounds.map((round) => round[i] ?? NaN),
          ),
        ),
      );
    }
    return found;
  });
  // What is guaranteed has to hold in every round, so the worst of them is judged.
  const worst = (name: string): Measured => measured(name, '%', [named(all, name).high]);
  return {
    question: 'Error of the quantiles',
    method:
      'A million log-normal values (median 50 ms, σ 1), another sample each round, against the sorted sample. Ours is judged by its worst round. prom-client’s quantiles are drawn through its default buckets as Prometheus does it.',
    measured: all,
    targets: shares.map((share) =>
      ceiling(
        `error at ${share}, worst round`,
        worst(`@dunlin/monitoring, ${share}`),
        worst(`prom-client Histogram, ${share}`),
        1,
      ),
    ),
  };
}

const readers: readonly ObserverName[] = [...sketches, '@dunlin/monitoring, a whole window', 'ring of 1,000 and sort'];

/** What reading P95 and P99 costs. */
export async function quantileRead(context: BenchContext): Promise<Answer> {
  const all = await withObservers(readers, (ask) =>
    inTurn(turns(readers, ask, { do: 'read', forMs: 200 }), context.rounds, 'µs'),
  );
  const peer = named(all, '@datadog/sketches-js');
  const ours = named(all, '@dunlin/monitoring');
  return {
    question: 'Reading P95 and P99',
    method:
      'CPU time of reading both, over 200 ms a round, with a million log-normal values in it. The whole window merges the open slot and all closed ones of its hour first.',
    measured: all,
    targets: [
      ceiling('P95 and P99 from one sketch', ours, peer, 2),
      ceiling('P95 and P99 from a whole window', named(all, '@dunlin/monitoring, a whole window'), peer, 30),
      lessThan('P95 and P99 from one sketch against hdr-histogram-js', ours, named(all, 'hdr-histogram-js')),
      lessThan('P95 and P99 from one sketch against prom-client Histogram', ours, named(all, 'prom-client Histogram')),
    ],
  };
}
