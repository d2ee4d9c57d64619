import { octaveUpperMs, OCTAVE_COUNT } from '../metrics/latency-sketch.js';
import type { Trace } from '../tracing/trace-store.js';
import type { TraceStore } from '../tracing/trace-store.js';

/** At most so many of the latest requests are looked at. */
const LATEST = 1_000;

/** The newest kept request of each bucket of an endpoint's histogram; by octave. */
export type BucketExemplars = ReadonlyMap<number, Trace>;

/** Finds a request for each bucket among the traces that are kept anyway, so a request pays nothing for it. About a millisecond. */
export function exemplarsByEndpoint(traces: TraceStore): (method: string, route: string) => BucketExemplars {
  const found = new Map<string, Map<number, Trace>>();
  for (const trace of traces.latest(LATEST)) {
    // Aborted requests are in no histogram.
    if (trace.aborted) continue;
    let buckets = found.get(trace.endpoint);
    if (buckets === undefined) found.set(trace.endpoint, (buckets = new Map()));
    const octave = octaveOf(trace.durationMs);
    if (!buckets.has(octave)) buckets.set(octave, trace);
  }
  return (method, route) => found.get(`${method} ${route}`) ?? new Map<number, Trace>();
}

/** The first octave whose upper bound, which does not belong to it, lies above the duration. */
function octaveOf(durationMs: number): number {
  let octave = 0;
  while (octave < OCTAVE_COUNT - 1 && durationMs >= octaveUpperMs(octave)) octave += 1;
  return octave;
}
