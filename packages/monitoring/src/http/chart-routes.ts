import type { FastifyInstance } from 'fastify';
import type { EndpointMetrics } from '../performance-metrics.js';
import { requestCounts } from '../metrics/request-figures.js';
import { requestReading, type RequestSeries } from '../metrics/request-series.js';
import { LatencySketch } from '../metrics/latency-sketch.js';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { STEP_MS } from '../series/overview-series.js';
import type { CacheSpan } from '../tracing/request-record.js';
import { invalid, parseWindow } from './input.js';
import { HttpProblem } from './problem.js';
import type { RouteContext } from './route-context.js';
import { anything, list, object, windowQuery } from './schemas.js';

const MINUTES_IN_MEMORY = 60;
const MINUTES_STORED = 14 * 24 * 60;
const SLOWEST = 20;
const TRACES_SEARCHED = 1_200;

/** A step of an endpoint's small chart. */
export interface TrendPoint {
  at: string;
  requestsPerSecond: number;
  p95: number | null;
}

/** What the page draws: series over time, and one endpoint in depth. */
export function chartRoutes(fastify: FastifyInstance, context: RouteContext): void {
  const { monitor, forOperators } = context;

  fastify.get(
    '/performance/series',
    forOperators('Figures over time, with deployments and edits as marks', {
      querystring: object({ minutes: { type: 'integer', minimum: 1, maximum: MINUTES_STORED, default: 15 } }, []),
      response: { 200: object({ stepSeconds: { type: 'number' }, points: list(anything), marks: list(anything) }) },
    }),
    async (request) => {
      const minutes = parseMinutes(request.query);
      const scope = parseScope(request.query);
      const sinceMs = monitor.options.clock.wallMs() - minutes * 60_000;
      const marks = monitor.getChanges().filter((change) => Date.parse(change.at) >= sinceMs);
      if (scope === 'instance' && minutes <= MINUTES_IN_MEMORY)
        return { stepSeconds: STEP_MS / 1000, points: monitor.figures.series.within(minutes * 60_000), marks };
      return { stepSeconds: 300, points: await monitor.storedSeries(minutes * 60_000, scope), marks };
    },
  );

  fastify.get(
    '/performance/endpoints/detail',
    forOperators('One endpoint: how its durations are spread, its statements, cache classes and slowest requests', {
      querystring: object({ endpoint: { type: 'string' }, ...(windowQuery['properties'] as object) }, ['endpoint']),
      response: { 200: anything },
    }),
    async (request) => endpointDetail(monitor, parseEndpoint(request.query), parseWindow(request.query)),
  );
}

export function parseScope(query: unknown): 'instance' | 'fleet' {
  const { scope } = query as { scope?: unknown };
  if (scope === undefined || scope === 'instance') return 'instance';
  if (scope === 'fleet') return 'fleet';
  throw invalid('/query/scope', 'must be instance or fleet');
}

function parseMinutes(query: unknown): number {
  const { minutes = '15' } = query as { minutes?: unknown };
  const value = Number(minutes);
  if (typeof minutes !== 'string' || !Number.isInteger(value) || value < 1 || value > MINUTES_STORED)
    throw invalid('/query/minutes', `must be a whole number from 1 to ${MINUTES_STORED}`);
  return value;
}

function parseEndpoint(query: unknown): string {
  const { endpoint } = query as { endpoint?: unknown };
  if (typeof endpoint === 'string' && endpoint.length <= 1000) return endpoint;
  throw invalid('/query/endpoint', 'must be a method and a route, such as GET /wallet/balance');
}

function endpointDetail(monitor: PerformanceMonitoringService, endpoint: string, window: 60 | 300 | 3600): unknown {
  const { figures, options, traces } = monitor;
  const nowMs = options.clock.monotonicMs();
  const own = figures.requests.endpointMetrics(window, nowMs).find((one) => nameOf(one) === endpoint);
  const reading = figures.requests.read(window, nowMs, endpoint);
  if (reading === undefined)
    throw new HttpProblem({ status: 404, code: 'endpoint_not_found', detail: 'No request of this endpoint was seen.' });
  const distribution = reading.sketch.distribution();
  const kept = traces.latest(TRACES_SEARCHED).filter((trace) => trace.endpoint === endpoint);
  const notable = traces.latest(TRACES_SEARCHED, true).filter((trace) => trace.endpoint === endpoint);
  const bySpan = new Map([...kept, ...notable].map((trace) => [trace.spanId, trace]));
  return {
    figures: own ?? null,
    distribution,
    queries: figures.queries
      .top(window, nowMs, Number.MAX_SAFE_INTEGER)
      .filter((query) => query.endpoints.includes(endpoint)),
    cacheClasses: byClass([...bySpan.values()].flatMap((trace) => trace.cacheCalls)),
    slowest: [...bySpan.values()].sort((a, b) => b.durationMs - a.durationMs).slice(0, SLOWEST),
  };
}

const nameOf = ({ method, route }: EndpointMetrics): string => `${method} ${route}`;

function byClass(calls: readonly CacheSpan[]): { keyClass: string; calls: number; hits: number; averageMs: number }[] {
  const classes = new Map<string, { calls: number; hits: number; totalMs: number }>();
  for (const { keyClass, outcome, durationMs } of calls) {
    const sums = classes.get(keyClass) ?? { calls: 0, hits: 0, totalMs: 0 };
    classes.set(keyClass, {
      calls: sums.calls + 1,
      hits: sums.hits + (outcome === 'hit' || outcome === 'stale' ? 1 : 0),
      totalMs: sums.totalMs + durationMs,
    });
  }
  return [...classes].map(([keyClass, { calls: count, hits, totalMs }]) => ({
    keyClass,
    calls: count,
    hits,
    averageMs: totalMs / count,
  }));
}

/** Each endpoint with its last five minutes in steps, for small charts. Decodes a dozen slots an endpoint. */
export function withTrends(monitor: PerformanceMonitoringService, endpoints: readonly EndpointMetrics[]): unknown[] {
  const { clock } = monitor.options;
  const nowMs = clock.monotonicMs();
  const wallMs = clock.wallMs();
  const series = new Map(
    monitor.figures.requests.endpoints.all().map((one): [string, RequestSeries] => [`${one.method} ${one.route}`, one]),
  );
  const sketch = new LatencySketch();
  const reading = requestReading();
  return endpoints.map((endpoint) => {
    const slots = series.get(nameOf(endpoint))?.window.recentSlots(nowMs) ?? [];
    const trend = slots.map((slot): TrendPoint => {
      sketch.clear();
      if (slot.sketch !== undefined) sketch.mergeEncoded(slot.sketch);
      reading.counters.fill(0);
      if (slot.counters !== undefined) reading.counters.set(slot.counters);
      return {
        at: new Date(wallMs - (nowMs - slot.endMs)).toISOString(),
        requestsPerSecond: (1000 * requestCounts(reading).requests) / Math.max(1, slot.endMs - slot.startMs),
        p95: sketch.count === 0 ? null : sketch.quantileMs(0.95),
      };
    });
    return { ...endpoint, trend };
  });
}
