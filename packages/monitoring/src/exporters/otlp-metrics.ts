import { OCTAVE_COUNT, octaveUpperMs } from '../metrics/latency-sketch.js';
import { REQUEST_COUNTERS } from '../metrics/request-series.js';
import type { SlidingWindow } from '../metrics/sliding-window.js';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { exemplarsByEndpoint, type BucketExemplars } from './exemplars.js';
import { attributes, nanoseconds, SCOPE, type Attribute, type Resource } from './otlp-encoding.js';

const CUMULATIVE = 2;

interface Moment {
  startTimeUnixNano: string;
  timeUnixNano: string;
}

interface Points {
  dataPoints: object[];
}

interface Metric {
  name: string;
  description: string;
  unit: string;
  gauge?: Points;
  sum?: Points & { aggregationTemporality: number; isMonotonic: boolean };
  histogram?: Points & { aggregationTemporality: number };
}

/** The upper bounds of all octaves but the last, in seconds; the last one is open. */
const BOUNDS = Array.from({ length: OCTAVE_COUNT - 1 }, (_, octave) => octaveUpperMs(octave) / 1000);

/** The body of `POST /v1/metrics` and how many points it holds: totals since the process began, so a lost export loses nothing. */
export function metricsRequest(
  monitor: PerformanceMonitoringService,
  startedWallMs: number,
  resource: Resource,
): { document: object; points: number } {
  const { clock } = monitor.options;
  const moment = { startTimeUnixNano: nanoseconds(startedWallMs), timeUnixNano: nanoseconds(clock.wallMs()) };
  const metrics = monitor.self.measure('export', () => [
    ...requestMetrics(monitor, moment),
    ...processMetrics(monitor, moment),
    ...databaseMetrics(monitor, moment),
    ...cacheMetrics(monitor, moment),
  ]);
  const points = metrics.reduce(
    (sum, { gauge, sum: total, histogram }) => sum + (gauge ?? total ?? histogram)!.dataPoints.length,
    0,
  );
  return { document: { resourceMetrics: [{ resource, scopeMetrics: [{ scope: SCOPE, metrics }] }] }, points };
}

function histogramPoint(
  window: SlidingWindow,
  fields: Attribute[],
  moment: Moment,
  exemplars: BucketExemplars = new Map(),
): object {
  const octaves = window.lifetimeOctaves.slice();
  window.open.addOctaves(octaves);
  const shown = [...exemplars].filter(([octave]) => octaves[octave]! > 0);
  return {
    ...moment,
    attributes: fields,
    count: String(window.lifetimeCount + window.open.count),
    sum: (window.lifetimeSumMs + window.open.sumMs) / 1000,
    bucketCounts: Array.from(octaves, (count) => String(count)),
    explicitBounds: BOUNDS,
    ...(shown.length === 0
      ? {}
      : {
          exemplars: shown.map(([, { traceId, spanId, durationMs, at }]) => ({
            timeUnixNano: nanoseconds(Date.parse(at)),
            asDouble: durationMs / 1000,
            spanId,
            traceId,
          })),
        }),
  };
}

function histogram(name: string, description: string, dataPoints: object[]): Metric {
  return { name, description, unit: 's', histogram: { aggregationTemporality: CUMULATIVE, dataPoints } };
}

/** A total that only grows. */
function counter(name: string, description: string, unit: string, dataPoints: object[]): Metric {
  const sum = { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints };
  return { name, description, unit, sum };
}

/** What OpenTelemetry calls an up-down counter: values of which the sum over instances means something. */
function level(
  name: string,
  description: string,
  unit: string,
  moment: Moment,
  values: [number, Attribute[]][],
): Metric {
  const dataPoints = values.map(([value, fields]) => ({ ...moment, attributes: fields, asDouble: value }));
  return { name, description, unit, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: false, dataPoints } };
}

function gauge(name: string, description: string, unit: string, value: number, moment: Moment): Metric {
  const { timeUnixNano } = moment;
  return { name, description, unit, gauge: { dataPoints: [{ timeUnixNano, attributes: [], asDouble: value }] } };
}

function requestMetrics(monitor: PerformanceMonitoringService, moment: Moment): Metric[] {
  const endpoints = monitor.figures.requests.endpoints.all();
  const exemplars = exemplarsByEndpoint(monitor.traces);
  const labels = (series: { method: string; route: string }): Attribute[] =>
    attributes({ 'http.request.method': series.method, 'http.route': series.route });
  const totals = (index: number): object[] =>
    endpoints.map((series) => ({
      ...moment,
      attributes: labels(series),
      asInt: String(series.window.lifetimeCounters[index]! + series.window.openCounters[index]!),
    }));
  const { requests, serverErrors, clientErrors, aborted } = REQUEST_COUNTERS;
  return [
    histogram(
      'http.server.request.duration',
      'Duration of answered requests.',
      endpoints.map((series) =>
        histogramPoint(series.window, labels(series), moment, exemplars(series.method, series.route)),
      ),
    ),
    counter('dunlin.http.requests', 'Requests, answered or not.', '{request}', totals(requests)),
    counter(
      'dunlin.http.server_errors',
      'Requests answered with 5xx or ended by a throw.',
      '{request}',
      totals(serverErrors),
    ),
    counter('dunlin.http.client_errors', 'Requests answered with 4xx.', '{request}', totals(clientErrors)),
    counter('dunlin.http.aborted', 'Requests whose client went away.', '{request}', totals(aborted)),
  ];
}

function processMetrics(monitor: PerformanceMonitoringService, moment: Moment): Metric[] {
  const { system } = monitor.figures;
  const { cpuUsage, residentBytes, memoryUsage, heap, eventLoop } = system.figures(
    60,
    monitor.options.clock.monotonicMs(),
  );
  const cpuSeconds = [{ ...moment, attributes: [], asDouble: system.cpuTotalMs() / 1000 }];
  return [
    counter('process.cpu.time', 'CPU time of the process.', 's', cpuSeconds),
    gauge('process.cpu.utilization', 'CPU against what the process may use.', '1', cpuUsage / 100, moment),
    level('process.memory.usage', 'Resident memory.', 'By', moment, [[residentBytes, []]]),
    gauge('dunlin.memory.utilization', 'Memory against its limit.', '1', memoryUsage.percentage / 100, moment),
    gauge('dunlin.heap.used', 'Used heap.', 'By', heap.used, moment),
    gauge('dunlin.heap.limit', 'Largest heap that V8 allows itself.', 'By', heap.limit, moment),
    gauge('nodejs.eventloop.delay.p99', 'Delay of the event loop.', 's', eventLoop.delayP99Ms / 1000, moment),
    gauge('nodejs.eventloop.utilization', 'Busy share of the event loop.', '1', eventLoop.utilization / 100, moment),
  ];
}

function databaseMetrics(monitor: PerformanceMonitoringService, moment: Moment): Metric[] {
  const { database, clock } = monitor.options;
  if (database === undefined) return [];
  const { window, errors } = monitor.figures.queries.lifetime(clock.monotonicMs());
  const { idle, active, waiting } = database.poolStatus();
  const pool = { 'db.client.connection.pool.name': 'main' };
  const inState = (state: string): Attribute[] => attributes({ ...pool, 'db.client.connection.state': state });
  const system = attributes({ 'db.system.name': 'postgresql' });
  return [
    histogram('db.client.operation.duration', 'Duration of statements.', [histogramPoint(window, system, moment)]),
    counter('dunlin.db.errors', 'Statements that failed.', '{statement}', [
      { ...moment, attributes: system, asInt: String(errors) },
    ]),
    level('db.client.connection.count', 'Connections of the pool by state.', '{connection}', moment, [
      [idle, inState('idle')],
      [active, inState('used')],
    ]),
    level('db.client.connection.pending_requests', 'Callers that wait for a connection.', '{request}', moment, [
      [waiting, attributes(pool)],
    ]),
  ];
}

function cacheMetrics(monitor: PerformanceMonitoringService, moment: Moment): Metric[] {
  const cache = monitor.figures.cache?.lifetime();
  if (cache === undefined) return [];
  const points = Object.entries(cache).map(([outcome, value]) => ({
    ...moment,
    attributes: attributes({ outcome }),
    asInt: String(value),
  }));
  return [counter('dunlin.cache.operations', 'Operations of the cache by outcome.', '{operation}', points)];
}
