import { inTurn, named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atMostTimes, ceiling, lessThan } from '../../harness/target.js';
import type { ObserverName } from '../contestants/all.js';
import { turns, withObservers } from '../observer-turn.js';

const peers: readonly ObserverName[] = [
  'hdr-histogram-js, WASM',
  '@datadog/sketches-js',
  'node:perf_hooks',
  'hdr-histogram-js',
  'prom-client Histogram',
  'prom-client Summary',
  'OpenTelemetry exponential',
];
const names: readonly ObserverName[] = [
  'bare log-bucket',
  '@dunlin/monitoring',
  '@dunlin/monitoring, recordRequest',
  ...peers,
];

/** What one observation costs. */
export async function observation(context: BenchContext): Promise<Answer> {
  const all = await withObservers(names, (ask) =>
    inTurn(turns(names, ask, { do: 'observe', forMs: 250 }), context.rounds, 'ns'),
  );
  const ours = named(all, '@dunlin/monitoring');
  return {
    question: 'One observation',
    method:
      'CPU time of one `record` over 250 ms a round, log-normal values, each in a process of its own. Peers get what they take: whole microseconds, seconds, no labels. `recordRequest` is all that a request’s duration goes through: two series with their windows and counters.',
    measured: all,
    targets: [
      atMostTimes('one observation against the bare log-bucket', ours, named(all, 'bare log-bucket'), 3),
      ...peers.map((peer) => lessThan(`one observation against ${peer}`, ours, named(all, peer))),
    ],
  };
}

/** What one observation leaves to the collector. */
export async function allocation(context: BenchContext): Promise<Answer> {
  const all = await withObservers(names, (ask) =>
    inTurn(turns(names, ask, { do: 'allocate' }), context.rounds, 'bytes'),
  );
  const bare = named(all, 'bare log-bucket');
  return {
    question: 'Allocation of one observation',
    method:
      'Growth of the heap over 10,000 observations after a full collection, for each; the least of nine attempts. What the reading of the heap itself takes is in it: a hundredth of a byte.',
    measured: all,
    targets: ['@dunlin/monitoring', '@dunlin/monitoring, recordRequest'].map((name) =>
      ceiling(`allocation of one observation (${name})`, named(all, name), bare, name.endsWith('Request') ? 200 : 0.1),
    ),
  };
}
