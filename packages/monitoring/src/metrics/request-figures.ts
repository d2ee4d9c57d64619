import type { DurationFigures, EndpointMetrics } from '../performance-metrics.js';
import type { LatencySketch } from './latency-sketch.js';
import { REQUEST_COUNTERS, type RequestSeries } from './request-series.js';
import type { WindowReading } from './sliding-window.js';

/** Below this many samples a quantile is shown with a warning. */
export const CONFIDENT_SAMPLES = 100;

export function durationFigures(sketch: LatencySketch): DurationFigures {
  return {
    average: sketch.averageMs,
    p50: sketch.quantileMs(0.5),
    p95: sketch.quantileMs(0.95),
    p99: sketch.quantileMs(0.99),
    max: sketch.maxMs,
    count: sketch.count,
    ...(sketch.count < CONFIDENT_SAMPLES ? { lowConfidence: true } : {}),
  };
}

export interface RequestCounts {
  requests: number;
  serverErrors: number;
  clientErrors: number;
  aborted: number;
  slow: number;
  /** Server errors in percent of the answered requests. */
  errorRate: number;
}

export function requestCounts(reading: WindowReading): RequestCounts {
  const at = (i: number): number => reading.counters[i]!;
  const aborted = at(REQUEST_COUNTERS.aborted);
  const requests = at(REQUEST_COUNTERS.requests);
  const serverErrors = at(REQUEST_COUNTERS.serverErrors);
  const answered = requests - aborted;
  return {
    requests,
    serverErrors,
    clientErrors: at(REQUEST_COUNTERS.clientErrors),
    aborted,
    slow: at(REQUEST_COUNTERS.slow),
    errorRate: answered === 0 ? 0 : (100 * serverErrors) / answered,
  };
}

export function endpointMetrics(
  series: Pick<RequestSeries, 'method' | 'route'>,
  reading: WindowReading,
): EndpointMetrics {
  const counts = requestCounts(reading);
  return {
    method: series.method,
    route: series.route,
    ...durationFigures(reading.sketch),
    requestsPerSecond: (1000 * counts.requests) / reading.coveredMs,
    errorRate: counts.errorRate,
    errors: counts.serverErrors,
    clientErrors: counts.clientErrors,
    aborted: counts.aborted,
    slow: counts.slow,
  };
}
