import { OCTAVE_COUNT, octaveUpperMs } from '../metrics/latency-sketch.js';
import { REQUEST_COUNTERS } from '../metrics/request-series.js';
import type { SlidingWindow } from '../metrics/sliding-window.js';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { attributes, nanoseconds, SCOPE, type Attribute, type Resource } from './otlp-encoding.js';

const CUMULATIVE = 2;

interface Moment {
  startTimeUnixNano: string;
  timeUnixNano: string;
}

/** The upper bounds of all octaves but the last, in seconds; the last one is open. */
const BOUNDS = Array.from({ length: OCTAVE_COUNT - 1 }, (_, octave) => octaveUpperMs(octave) / 1000);

function histogramPoint(window: SlidingWindow, fields: Attribute[], moment: Moment): object {
  const octaves = window.lifetimeOctaves.slice();
  window.open.addOctaves(octaves);
  return {
    ...moment,
    attributes: fields,
    count: String(window.lifetimeCount + window.open.count),
    sum: (window.lifetimeSumMs + window.open.sumMs) / 1000,
    bucketCounts: Array.from(octaves, (count) => String(count)),
    explicitBounds: BOUNDS,
  };
}

function histogram(name: string, description: string, dataPoints: object[]): object {
  return { name, description, unit: 's', histogram: { aggregationTemporality: CUMULATIVE, dataPoints } };
}

function counter(name: string, description: string, unit: string, dataPoints: object[]): object {
  return { name, description, unit, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } };
}

function gauge(
  name: string,
  description: string,
  unit: string,
  value: number,
  moment: Moment,
  fields: Attribute[] = [],
): object {
  return {
    name,
    description,
    unit,
    gauge: { dataPoints: [{ timeUnixNano: moment.timeUnixNano, attributes: fields, asDouble: value }] },
  };
}

/** The body of `POST /v1/metrics`: totals since the process began, so a lost export loses nothing. */
export function metricsRequest(
  monitor: PerformanceMonitoringService,
  startedWallMs: number,
  resource: Resource,
): object {
  const { clock } = monitor.options;
  const moment = { startTimeUnixNano: nanoseconds(startedWallMs), timeUnixNano: nanoseconds(clock.wallMs()) };
  const metrics = [
    ...requestMetrics(monitor, moment),
    ...processMetrics(monitor, moment),
    ...sourceMetrics(monitor, moment),
  ];
  return { resourceMetrics: [{ resource, scopeMetrics: [{ scope: SCOPE, metrics }] }] };
}

function requestMetrics(monitor: PerformanceMonitoringService, moment: Moment): object[] {
  const endpoints = monitor.figures.requests.endpoints.all();
  const labels = (series: { method: string; route: string }): Attribute[] =>
    attributes({ 'http.request.method': series.method, 'http.route': series.route });
  const totals = (index: number): object[] =>
    endpoints.map((series) => ({
      ...moment,
      attributes: labels(series),
      asInt: String(series.window.lifetimeCounters[index]! + series.window.openCounters[index]!),
    }));
  return [
    histogram(
      'http.server.request.duration',
      'Duration of answered requests.',
      endpoints.map((series) => histogramPoint(series.window, labels(series), moment)),
    ),
    counter(
      'dunlin.http.server_errors',
      'Requests answered with 5xx or ended by a throw.',
      '{request}',
      totals(REQUEST_COUNTERS.serverErrors),
    ),
    counter('dunlin.http.aborted', 'Requests whose client went away.', '{request}', totals(REQUEST_COUNTERS.aborted)),
  ];
}

function processMetrics(monitor: PerformanceMonitoringService, moment: Moment): object[] {
  const figures = monitor.figures.system.figures(60, monitor.options.clock.monotonicMs());
  return [
    gauge('process.cpu.utilization', 'CPU against what the process may use.', '1', figures.cpuUsage / 100, moment),
    gauge('process.memory.usage', 'Resident memory.', 'By', figures.residentBytes, moment),
    gauge('dunlin.memory.utilization', 'Memory against its limit.', '1', figures.memoryUsage.percentage / 100, moment),
    gauge('v8js.memory.heap.used', 'Used heap.', 'By', figures.heap.used, moment),
    gauge('nodejs.eventloop.delay.p99', 'Delay of the event loop.', 's', figures.eventLoop.delayP99Ms / 1000, moment),
    gauge(
      'nodejs.eventloop.utilization',
      'Busy share of the event loop.',
      '1',
      figures.eventLoop.utilization / 100,
      moment,
    ),
  ];
}

function sourceMetrics(monitor: PerformanceMonitoringService, moment: Moment): object[] {
  const { database, clock } = monitor.options;
  const metrics: object[] = [];
  if (database !== undefined) {
    const { window } = monitor.figures.queries.lifetime(clock.monotonicMs());
    const pool = database.poolStatus();
    metrics.push(
      histogram('db.client.operation.duration', 'Duration of statements.', [
        histogramPoint(window, attributes({ 'db.system.name': 'postgresql' }), moment),
      ]),
      gauge(
        'db.client.connection.count',
        'Connections in use.',
        '{connection}',
        pool.active,
        moment,
        attributes({ 'db.client.connection.state': 'used' }),
      ),
      gauge(
        'db.client.connection.pending_requests',
        'Callers that wait for a connection.',
        '{request}',
        pool.waiting,
        moment,
      ),
    );
  }
  const cache = monitor.figures.cache?.lifetime();
  if (cache !== undefined) {
    const points = Object.entries(cache).map(([outcome, value]) => ({
      ...moment,
      attributes: attributes({ outcome }),
      asInt: String(value),
    }));
    metrics.push(counter('dunlin.cache.operations', 'Operations of the cache by outcome.', '{operation}', points));
  }
  return metrics;
}
