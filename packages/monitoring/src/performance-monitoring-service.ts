import { EventEmitter } from 'node:events';
import { AlertDesk } from './alerts/alert-desk.js';
import type { Alert } from './alerts/alert.js';
import type { ChannelStatus } from './alerts/channel-queue.js';
import type { Mute } from './alerts/alert-store.js';
import type { ChangeMarker } from './alerts/change-marker.js';
import type { ChannelTestOutcome } from './alerts/notifier.js';
import type { RuleDefinition } from './alerts/rule-definition.js';
import type { AlertOutcome } from './alerts/shared-alerts.js';
import type { ThresholdPatch, Thresholds } from './alerts/thresholds.js';
import { Figures } from './figures.js';
import type { FleetMetrics } from './fleet/fleet-figures.js';
import { FleetPublisher, PUBLISH_MS } from './fleet/fleet-publisher.js';
import { HealthProbe, overallHealth, type Health } from './health.js';
import { HistoryKeeper } from './history/history-keeper.js';
import { adviseThresholds, type ThresholdAdvice } from './history/threshold-advice.js';
import type { WindowSeconds } from './metrics/sliding-window.js';
import { resolveOptions, type MonitoringOptions, type ResolvedOptions } from './options.js';
import type { PerformanceMetrics } from './performance-metrics.js';
import { Periodic } from './periodic.js';
import { buildReport } from './reports/report.js';
import type { PerformanceReport } from './reports/finding.js';
import type { OverviewPoint } from './series/overview-point.js';
import { storedSeries } from './series/stored-series.js';
import type { QueryObservation } from './sources/database-source.js';
import { currentRequest, MAX_SPANS, RequestRecord } from './tracing/request-record.js';
import type { OtlpStatus } from './exporters/otlp-lane.js';
import { SelfFigures } from './self-figures.js';
import { TraceStore } from './tracing/trace-store.js';

/** One request as `recordRequest` takes it, when no tracking plugin of this package does. */
export interface RecordedRequest {
  method: string;
  /** The route's template, never the address itself. */
  route: string;
  statusCode: number;
  durationMs: number;
  aborted?: boolean;
  thrown?: boolean;
  streaming?: boolean;
  bytesOut?: number;
}

export interface MonitoringEvents {
  /** An alert fires, or an alert that fires has become worse. With several instances on one store, emitted on one of them. */
  alert: [alert: Alert];
  /** An alert that was announced has ended. */
  alertResolved: [alert: Alert];
  /** The shared alerts or settings changed, whoever changed them. Emitted on every instance. */
  changed: [];
}

const SAMPLE_MS = 1_000;

/**
 * Measures this process, judges the figures against rules, and tells people: the facade over the parts of this package.
 * Nothing runs before `startMonitoring`; recording and reading work without it, alerts need it.
 */
export class PerformanceMonitoringService extends EventEmitter<MonitoringEvents> {
  readonly figures: Figures;
  readonly traces: TraceStore;
  /** What the monitor itself costs and loses. */
  readonly self = new SelfFigures();
  readonly options: Readonly<ResolvedOptions>;
  readonly #desk: AlertDesk;
  readonly #health: HealthProbe;
  readonly #startedMs: number;
  readonly #fleet: FleetPublisher | undefined;
  readonly #history: HistoryKeeper | undefined;
  readonly #sampling: Periodic;
  readonly #judging: Periodic;
  readonly #publishing: Periodic;
  #stopQueries: (() => void) | undefined;
  #slowQueryMs: number | undefined;
  readonly #traceListeners = new Set<(record: RequestRecord) => void>();
  readonly #exports = new Set<() => OtlpStatus>();

  constructor(options: MonitoringOptions = {}) {
    super();
    const resolved = resolveOptions(options);
    this.options = resolved;
    this.figures = new Figures(resolved);
    this.traces = new TraceStore(resolved.recentTraces, resolved.notableTraces);
    this.#health = new HealthProbe(resolved, resolved.clock);
    this.#startedMs = resolved.clock.monotonicMs();
    const { fleet, history } = resolved.store ?? {};
    this.#fleet =
      fleet && new FleetPublisher(resolved, this.figures, fleet, (work) => this.self.measure('publish', work));
    this.#history = history && new HistoryKeeper(resolved, this.figures, history);
    this.#desk = new AlertDesk({
      options: resolved,
      figures: this.figures,
      traces: this.traces,
      onAlert: (alert) => this.#emitSafely('alert', alert),
      onResolved: (alert) => this.#emitSafely('alertResolved', alert),
      onChanged: () => this.#settingsChanged(),
    });
    this.#stopQueries = resolved.database?.onQuery((observation) => this.recordQuery(observation));
    this.#sampling = new Periodic(resolved.clock, SAMPLE_MS, () => this.#sample());
    this.#judging = new Periodic(resolved.clock, resolved.judgeIntervalMs, () => this.#judge());
    this.#publishing = new Periodic(resolved.clock, PUBLISH_MS, () =>
      this.#desk.withStore(() => this.#fleet?.publish()),
    );
  }

  /** Loads what the store holds, then samples every second and judges every interval. A store that is away is tried again each second. */
  async startMonitoring(): Promise<void> {
    this.figures.system.start();
    this.#sampling.start();
    this.#judging.start();
    if (this.#fleet !== undefined) this.#publishing.start();
    this.#settingsChanged();
    await this.#desk.sync();
  }

  /** Ends every timer and gives up notifications that still wait; a second call does nothing more. Open alerts stay in the store. */
  async stopMonitoring(): Promise<void> {
    await Promise.all([this.#sampling.stop(), this.#judging.stop(), this.#publishing.stop()]);
    this.#stopQueries?.();
    this.#stopQueries = undefined;
    this.figures.system.stop();
    await this.#desk.close();
  }

  /** Counts one answered request by its duration alone. */
  recordResponseTime(durationMs: number): void {
    this.figures.requests.all.record({
      durationMs,
      statusCode: 200,
      aborted: false,
      thrown: false,
      streaming: false,
      slow: durationMs >= this.options.slowRequestMs,
      bytesOut: 0,
    });
  }

  /** Counts one request of an endpoint. */
  recordRequest(request: RecordedRequest): void {
    const { method, route, statusCode, durationMs } = request;
    if (!(durationMs >= 0 && durationMs < Infinity)) this.self.rejectedObservations += 1;
    const slow = durationMs >= this.options.slowRequestMs;
    const { aborted = false, thrown = false, streaming = false, bytesOut = 0 } = request;
    const observation = { durationMs, statusCode, aborted, thrown, streaming, slow, bytesOut };
    this.figures.requests.record(method, route, observation, this.options.clock.monotonicMs());
  }

  /** Counts and keeps a finished request; the tracking plugins call this. A slow one is logged with what it did. */
  recordTrace(record: RequestRecord): void {
    const slow = record.durationMs >= this.options.slowRequestMs && !record.streaming;
    record.slow = slow;
    this.figures.requests.record(record.method, record.route, record, record.startedMs + record.durationMs);
    this.traces.keep(record, slow);
    if (record.queryCount > MAX_SPANS) this.self.droppedSpans += record.queryCount - MAX_SPANS;
    if (record.cacheCallCount > MAX_SPANS) this.self.droppedSpans += record.cacheCallCount - MAX_SPANS;
    if (this.#traceListeners.size > 0) for (const listener of this.#traceListeners) listener(record);
    if (slow) this.#logSlow(record);
  }

  /** Calls back with every finished request; the returned function ends that. The listener is synchronous and must not throw. */
  onTrace(listener: (record: RequestRecord) => void): () => void {
    this.#traceListeners.add(listener);
    return () => void this.#traceListeners.delete(listener);
  }

  /** Counts one statement. Called for every statement of `options.database`; call it yourself for others. */
  recordQuery(observation: QueryObservation): void {
    const { clock } = this.options;
    if (!(observation.durationMs >= 0 && observation.durationMs < Infinity)) this.self.rejectedObservations += 1;
    const nowMs = clock.monotonicMs();
    this.figures.queries.record(observation, this.getThresholds().slowQueryMs, nowMs, clock.wallMs());
    const request = observation.request instanceof RequestRecord ? observation.request : currentRequest();
    if (request === undefined) return;
    const { fingerprint, query, name, durationMs, waitMs = 0, rows = 0, error } = observation;
    const startMs = Math.max(0, nowMs - request.startedMs - durationMs);
    const failed = error !== undefined && error !== null;
    request.addQuery({ fingerprint, query: query ?? name ?? fingerprint, startMs, durationMs, waitMs, rows, failed });
  }

  /** The last minute, five minutes or hour. Synchronous; about 0.1 ms with a hundred busy endpoints. */
  getMetrics(window: WindowSeconds = 60): PerformanceMetrics {
    return this.figures.metrics(window);
  }

  /** All instances that share the store, merged; this one alone when the store has no place for it. Rejects when the store is away. */
  async getFleetMetrics(window: WindowSeconds = 60): Promise<FleetMetrics | PerformanceMetrics> {
    return this.#fleet === undefined ? this.getMetrics(window) : await this.#fleet.metrics(window);
  }

  /** Thresholds that the last two weeks would have liked better, each with its replay; empty below a day of history. */
  async adviseThresholds(): Promise<ThresholdAdvice[]> {
    return this.#history === undefined ? [] : adviseThresholds(await this.#history.read(), this.getThresholds());
  }

  /** The stored history as points of five minutes, oldest first; empty without a store. Rejects when the store is away. */
  async storedSeries(spanMs: number, scope: 'instance' | 'fleet'): Promise<OverviewPoint[]> {
    if (this.#history === undefined) return [];
    const since = this.options.clock.wallMs() - spanMs;
    const points = (await this.#history.read()).filter((point) => point.atMs >= since);
    return storedSeries(points, scope === 'fleet' ? undefined : this.options.instanceId);
  }

  /** Open alerts, pending ones included, newest first; with `includeResolved` the latest 500 resolved ones too. */
  getAlerts(options: { includeResolved?: boolean } = {}): Alert[] {
    return this.#desk.alerts(options.includeResolved === true);
  }

  /** The alerts that fire. */
  getActiveAlerts(): Alert[] {
    return this.#desk.alerts(false).filter((alert) => alert.state === 'firing');
  }

  /** Ends an alert by hand. Its cause, if it still holds, opens a new one. Rejects with a MonitoringStoreError when the store is away. */
  resolveAlert(id: string, by = 'operator'): Promise<AlertOutcome> {
    return this.#desk.shared.resolve(id, by);
  }

  /** Somebody looks after the alert: no reminders until it ends. */
  acknowledgeAlert(id: string, by = 'operator'): Promise<AlertOutcome> {
    return this.#desk.shared.acknowledge(id, by);
  }

  /** Silence for one type of alert, or for all: alerts are recorded, but nobody is told. */
  mute(mute: { type?: string; minutes: number; reason: string; by?: string }): Promise<Mute> {
    return this.#desk.mute(mute);
  }

  unmute(id: string): Promise<boolean> {
    return this.#desk.shared.change('remove a mute', (store) => store.removeMute(id));
  }

  getMutes(): Mute[] {
    return this.#desk.shared.activeMutes();
  }

  getRules(): RuleDefinition[] {
    return this.#desk.shared.state.rules;
  }

  /** Adds or replaces a rule by name. Rejects with a MonitoringInputError that names what is wrong. */
  putRule(rule: unknown, by = 'operator'): Promise<RuleDefinition> {
    return this.#desk.putRule(rule, by);
  }

  removeRule(name: string, by = 'operator'): Promise<boolean> {
    return this.#desk.removeRule(name, by);
  }

  getThresholds(): Thresholds {
    return this.#desk.thresholds();
  }

  /**
   * Changes some thresholds on all instances (within 2 s on the others) and judges at once; null takes one back to the
   * configured value. An unknown name or a value out of range is refused by a MonitoringInputError, and nothing changes.
   */
  async updateThresholds(patch: ThresholdPatch, by = 'operator'): Promise<Thresholds> {
    await this.#desk.updateThresholds(patch, by);
    return this.getThresholds();
  }

  /** Tells that a new version runs; shown beside alerts that fire soon after. Rejects with a MonitoringInputError for a text that cannot be kept. */
  markDeployment(detail: string, by = 'deployment'): Promise<ChangeMarker> {
    return this.#desk.markDeployment(detail, by);
  }

  /**
   * Tells that this instance runs `version`: a deployment if the last one told of was another, else nothing new, so that restarts
   * are none. True when it was one.
   */
  async noteVersion(version: string): Promise<boolean> {
    await this.#desk.shared.sync();
    const last = this.getChanges().find((change) => change.kind === 'deployment');
    if (last?.detail === version) return false;
    await this.markDeployment(version, this.options.instanceId);
    return true;
  }

  getChanges(): ChangeMarker[] {
    return this.#desk.shared.state.changes;
  }

  /** An exporter shows what becomes of its data, for the metrics; the returned function ends that. */
  showExport(status: () => OtlpStatus): () => void {
    this.#exports.add(status);
    return () => void this.#exports.delete(status);
  }

  /** What became of what was exported, for each exporter that runs. */
  getExports(): OtlpStatus[] {
    return [...this.#exports].map((status) => status());
  }

  getChannels(): ChannelStatus[] {
    return this.#desk.notifier.status();
  }

  /** Sends a test notification, once, past the queue. */
  testChannel(name: string): Promise<ChannelTestOutcome> {
    return this.#desk.testChannel(name);
  }

  /** What is slow, why, and what to do about it, from evidence only; a quiet system has no findings. */
  generateReport(window: WindowSeconds = 3600): Promise<PerformanceReport> {
    const history = this.#history;
    return buildReport(this, window, history && (() => history.read()));
  }

  async getHealth(): Promise<Health> {
    const active = this.getActiveAlerts();
    const critical = active.filter((alert) => alert.severity === 'critical').length;
    const uptime = (this.options.clock.monotonicMs() - this.#startedMs) / 1000;
    return overallHealth(await this.#health.probe(), uptime, { active: active.length, critical });
  }

  /** Judges every rule now, without waiting for the interval. */
  judgeNow(): Promise<void> {
    return this.#desk.judge();
  }

  async #sample(): Promise<void> {
    try {
      this.self.measure('sample', () => this.figures.sample());
    } catch (error) {
      this.options.logger.error({ error: String(error) }, 'a sample could not be taken');
    }
    await this.#desk.sync(async () => {
      await this.#history?.tick();
    });
  }

  async #judge(): Promise<void> {
    await this.#health.probe();
    await this.#desk.judge();
  }

  #logSlow(record: RequestRecord): void {
    const { correlationId, traceId, endpoint, statusCode, durationMs } = record;
    const { queryCount, queryMs, cacheCallCount, cacheMs } = record;
    const work = { queryCount, queryMs, cacheCallCount, cacheMs };
    this.options.logger.warn({ correlationId, traceId, endpoint, statusCode, durationMs, ...work }, 'slow request');
  }

  #settingsChanged(): void {
    const { slowQueryMs } = this.getThresholds();
    if (slowQueryMs !== this.#slowQueryMs) {
      this.#slowQueryMs = slowQueryMs;
      this.options.database?.setSlowQueryMs?.(slowQueryMs);
    }
    this.emit('changed');
  }

  /** A listener that throws must not end the judging of the other rules. */
  #emitSafely(event: 'alert' | 'alertResolved', alert: Alert): void {
    try {
      this.emit(event, alert);
    } catch (error) {
      this.options.logger.error({ event, error: String(error) }, 'a listener threw');
    }
  }
}
