import { SELF_PARTS } from '../self-figures.js';
import { exemplarsByEndpoint, type BucketExemplars } from './exemplars.js';
import { OCTAVE_COUNT, octaveUpperMs } from '../metrics/latency-sketch.js';
import { REQUEST_COUNTERS, type RequestSeries } from '../metrics/request-series.js';
import type { SlidingWindow } from '../metrics/sliding-window.js';
import type { Trace } from '../tracing/trace-store.js';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

type Labels = Record<string, string>;

/** Collects families in the text format. Counters end in `_total`; OpenMetrics names their family without it. */
class Exposition {
  readonly #lines: string[] = [];
  readonly #openMetrics: boolean;

  constructor(openMetrics: boolean) {
    this.#openMetrics = openMetrics;
  }

  family(name: string, type: 'counter' | 'gauge' | 'histogram', help: string): void {
    const shown = this.#openMetrics && type === 'counter' ? name.replace(/_total$/, '') : name;
    this.#lines.push(`# HELP ${shown} ${help}`, `# TYPE ${shown} ${type}`);
  }

  /** `exemplar` is a request that the sample counts; the classic text format has no place for one. */
  sample(name: string, labels: Labels, value: number, exemplar?: Trace): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    this.#lines.push(
      `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${Number.isFinite(value) ? value : 0}${exemplar === undefined ? '' : exemplarText(exemplar)}`,
    );
  }

  /** Octave bounds from 2⁻³ ms to 2¹⁶ ms: exact, since the sketch's buckets end there. */
  histogram(name: string, labels: Labels, window: SlidingWindow, exemplars?: BucketExemplars): void {
    const octaves = window.lifetimeOctaves.slice();
    window.open.addOctaves(octaves);
    let cumulative = 0;
    let below: Trace | undefined;
    for (let octave = 0; octave < OCTAVE_COUNT; octave += 1) {
      cumulative += octaves[octave]!;
      const upperMs = octaveUpperMs(octave);
      const exemplar = octaves[octave]! > 0 ? exemplars?.get(octave) : undefined;
      if (upperMs < 0.125) below = exemplar ?? below;
      if (upperMs < 0.125 || upperMs > 65_536) continue;
      this.sample(`${name}_bucket`, { ...labels, le: String(upperMs / 1000) }, cumulative, exemplar ?? below);
      below = undefined;
    }
    const count = window.lifetimeCount + window.open.count;
    this.sample(`${name}_bucket`, { ...labels, le: '+Inf' }, count);
    this.sample(`${name}_sum`, labels, (window.lifetimeSumMs + window.open.sumMs) / 1000);
    this.sample(`${name}_count`, labels, count);
  }

  text(): string {
    return `${this.#lines.join('\n')}\n${this.#openMetrics ? '# EOF\n' : ''}`;
  }
}

/** OpenMetrics: after a `#` the labels, the value in the metric's unit, and when it was, in seconds. */
function exemplarText({ traceId, spanId, durationMs, at }: Trace): string {
  return ` # {trace_id="${traceId}",span_id="${spanId}"} ${durationMs / 1000} ${Date.parse(at) / 1000}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** The figures of this process as Prometheus scrapes them; every name stands in docs/metrics.md. */
export function prometheusText(monitor: PerformanceMonitoringService, openMetrics: boolean): string {
  return monitor.self.measure('scrape', () => {
    const out = new Exposition(openMetrics);
    requestFamilies(out, monitor, openMetrics);
    processFamilies(out, monitor);
    databaseFamilies(out, monitor);
    cacheFamilies(out, monitor);
    alertFamilies(out, monitor);
    selfFamilies(out, monitor);
    return out.text();
  });
}

function total(series: RequestSeries, counter: number): number {
  return series.window.lifetimeCounters[counter]! + series.window.openCounters[counter]!;
}

function requestFamilies(out: Exposition, monitor: PerformanceMonitoringService, openMetrics: boolean): void {
  const endpoints = monitor.figures.requests.endpoints.all();
  const labels = (series: RequestSeries): Labels => ({ http_request_method: series.method, http_route: series.route });
  out.family('http_server_request_duration_seconds', 'histogram', 'Duration of answered requests.');
  const exemplars = openMetrics ? exemplarsByEndpoint(monitor.traces) : undefined;
  for (const series of endpoints) {
    const { method, route, window } = series;
    out.histogram('http_server_request_duration_seconds', labels(series), window, exemplars?.(method, route));
  }
  const counters = [
    ['dunlin_http_requests_total', REQUEST_COUNTERS.requests, 'Requests, answered or not.'],
    [
      'dunlin_http_server_errors_total',
      REQUEST_COUNTERS.serverErrors,
      'Requests answered with 5xx or ended by a throw.',
    ],
    ['dunlin_http_client_errors_total', REQUEST_COUNTERS.clientErrors, 'Requests answered with 4xx.'],
    [
      'dunlin_http_aborted_total',
      REQUEST_COUNTERS.aborted,
      'Requests whose client went away before the answer was complete.',
    ],
    ['dunlin_http_slow_requests_total', REQUEST_COUNTERS.slow, 'Requests slower than the configured bound.'],
  ] as const;
  for (const [name, counter, help] of counters) {
    out.family(name, 'counter', help);
    for (const series of endpoints) out.sample(name, labels(series), total(series, counter));
  }
}

function processFamilies(out: Exposition, monitor: PerformanceMonitoringService): void {
  const { system } = monitor.figures;
  const figures = system.figures(60, monitor.options.clock.monotonicMs());
  const gauge = (name: string, help: string, value: number): void => {
    out.family(name, 'gauge', help);
    out.sample(name, {}, value);
  };
  out.family('process_cpu_seconds_total', 'counter', 'CPU time of this process.');
  out.sample('process_cpu_seconds_total', {}, system.cpuTotalMs() / 1000);
  gauge('process_resident_memory_bytes', 'Resident memory of this process.', figures.residentBytes);
  if (figures.openFileDescriptors !== undefined)
    gauge('process_open_fds', 'Open file descriptors.', figures.openFileDescriptors);
  gauge('dunlin_cpu_usage_ratio', 'CPU against what the process may use, over a minute.', figures.cpuUsage / 100);
  gauge('dunlin_memory_usage_ratio', 'Memory against its limit.', figures.memoryUsage.percentage / 100);
  gauge('nodejs_heap_size_used_bytes', 'Used heap.', figures.heap.used);
  gauge('nodejs_heap_size_limit_bytes', 'Largest heap that V8 allows itself.', figures.heap.limit);
  gauge(
    'nodejs_eventloop_delay_p99_seconds',
    'How late the event loop is, 99th percentile over a minute.',
    figures.eventLoop.delayP99Ms / 1000,
  );
  gauge(
    'nodejs_eventloop_utilization_ratio',
    'Busy share of the event loop over a minute.',
    figures.eventLoop.utilization / 100,
  );
  gauge('nodejs_active_handles', 'Resources that keep the event loop alive.', figures.activeHandles);
}

/** What the monitor itself costs, and what it could not keep. */
function selfFamilies(out: Exposition, monitor: PerformanceMonitoringService): void {
  const { requests, queries } = monitor.figures;
  out.family('dunlin_monitoring_overflowed_total', 'counter', 'Observations that went to an overflow label.');
  out.sample('dunlin_monitoring_overflowed_total', { set: 'endpoints' }, requests.endpoints.overflowed);
  out.sample('dunlin_monitoring_overflowed_total', { set: 'queries' }, queries.overflowed);
  out.family('dunlin_monitoring_dropped_total', 'counter', 'What was observed and could not be kept.');
  out.sample('dunlin_monitoring_dropped_total', { kind: 'observations' }, monitor.self.rejectedObservations);
  out.sample('dunlin_monitoring_dropped_total', { kind: 'spans' }, monitor.self.droppedSpans);
  out.family(
    'dunlin_monitoring_busy_seconds_total',
    'counter',
    'Time that the monitor kept the event loop busy with its own work.',
  );
  for (const part of SELF_PARTS)
    out.sample('dunlin_monitoring_busy_seconds_total', { part }, monitor.self.spentMs(part) / 1000);
  const exports = monitor.getExports().flatMap((status) => Object.entries(status));
  if (exports.length === 0) return;
  out.family('dunlin_otlp_records_total', 'counter', 'Records for the OpenTelemetry collector by what became of them.');
  for (const [signal, { exported, dropped }] of exports) {
    out.sample('dunlin_otlp_records_total', { signal, outcome: 'exported' }, exported);
    out.sample('dunlin_otlp_records_total', { signal, outcome: 'dropped' }, dropped);
  }
  out.family('dunlin_otlp_failed_exports_total', 'counter', 'Requests that the OpenTelemetry collector did not take.');
  for (const [signal, { failedExports }] of exports)
    out.sample('dunlin_otlp_failed_exports_total', { signal }, failedExports);
}

function databaseFamilies(out: Exposition, monitor: PerformanceMonitoringService): void {
  const { database, clock } = monitor.options;
  if (database === undefined) return;
  const { window, errors, slow } = monitor.figures.queries.lifetime(clock.monotonicMs());
  out.family('db_client_operation_duration_seconds', 'histogram', 'Duration of statements in the database.');
  out.histogram('db_client_operation_duration_seconds', {}, window);
  out.family('dunlin_db_errors_total', 'counter', 'Statements that failed.');
  out.sample('dunlin_db_errors_total', {}, errors);
  out.family('dunlin_db_slow_queries_total', 'counter', 'Statements slower than the threshold.');
  out.sample('dunlin_db_slow_queries_total', {}, slow);
  const pool = database.poolStatus();
  out.family('db_client_connections', 'gauge', 'Connections of the pool by state.');
  out.sample('db_client_connections', { state: 'idle' }, pool.idle);
  out.sample('db_client_connections', { state: 'used' }, pool.active);
  out.family('db_client_connection_pending_requests', 'gauge', 'Callers that wait for a connection.');
  out.sample('db_client_connection_pending_requests', {}, pool.waiting);
  const reads = database.replicaReads?.();
  if (reads === undefined) return;
  out.family('dunlin_db_replica_reads_total', 'counter', 'Reads that a replica may answer, by who answered and why.');
  out.sample('dunlin_db_replica_reads_total', { served_by: 'replica', reason: 'current' }, reads.replica);
  for (const [reason, value] of Object.entries(reads.primary))
    out.sample('dunlin_db_replica_reads_total', { served_by: 'primary', reason }, value);
}

function cacheFamilies(out: Exposition, monitor: PerformanceMonitoringService): void {
  const totals = monitor.figures.cache?.lifetime();
  if (totals === undefined) return;
  out.family('dunlin_cache_operations_total', 'counter', 'Operations of the cache by outcome.');
  for (const [outcome, value] of Object.entries(totals))
    out.sample('dunlin_cache_operations_total', { outcome }, value);
}

function alertFamilies(out: Exposition, monitor: PerformanceMonitoringService): void {
  out.family('dunlin_alerts', 'gauge', 'Open alerts by state.');
  const alerts = monitor.getAlerts();
  for (const state of ['pending', 'firing'])
    out.sample('dunlin_alerts', { state }, alerts.filter((alert) => alert.state === state).length);
  const channels = monitor.getChannels();
  if (channels.length === 0) return;
  out.family('dunlin_alert_notifications_total', 'counter', 'Notifications by channel and outcome.');
  for (const { name, delivered, givenUp } of channels) {
    out.sample('dunlin_alert_notifications_total', { channel: name, outcome: 'delivered' }, delivered);
    out.sample('dunlin_alert_notifications_total', { channel: name, outcome: 'given_up' }, givenUp);
  }
  out.family(
    'dunlin_alert_channel_dead',
    'gauge',
    'Whether the last notification of a channel could not be delivered.',
  );
  for (const { name, dead } of channels) out.sample('dunlin_alert_channel_dead', { channel: name }, dead ? 1 : 0);
}
