import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { Periodic } from '../periodic.js';
import type { RequestRecord } from '../tracing/request-record.js';
import { metricsRequest } from './otlp-metrics.js';
import { resourceOf } from './otlp-encoding.js';
import { tracesRequest } from './otlp-spans.js';

export interface OtlpExporterOptions {
  monitor: PerformanceMonitoringService;
  /** The collector's root, e.g. `http://localhost:4318`; `/v1/metrics` and `/v1/traces` are added. */
  endpoint: string;
  /** E.g. an authorization header. Never logged. */
  headers?: Record<string, string>;
  serviceName?: string;
  /** How often both are sent, in ms (10000). */
  intervalMs?: number;
  /** Finished requests that may wait to be sent (2000); beyond that new ones are dropped and counted. */
  maxWaitingTraces?: number;
  timeoutMs?: number;
}

export interface OtlpStatus {
  exportedTraces: number;
  droppedTraces: number;
  failedExports: number;
}

/**
 * Sends metrics and traces by OTLP over HTTP (JSON). Only requests whose trace is sampled by its caller (or begins here)
 * are sent. Traces of a failed export are tried again with the next; metrics are totals, so a lost export loses nothing.
 */
export class OtlpExporter {
  readonly #options: Required<Omit<OtlpExporterOptions, 'monitor'>> & { monitor: PerformanceMonitoringService };
  readonly #startedWallMs: number;
  readonly #periodic: Periodic;
  #waiting: RequestRecord[] = [];
  #status: OtlpStatus = { exportedTraces: 0, droppedTraces: 0, failedExports: 0 };
  #stopTraces: (() => void) | undefined;
  #failing = false;

  constructor(options: OtlpExporterOptions) {
    this.#options = {
      headers: {},
      serviceName: 'dunlin',
      intervalMs: 10_000,
      maxWaitingTraces: 2000,
      timeoutMs: 5_000,
      ...options,
    };
    const { protocol } = new URL(options.endpoint);
    if (protocol !== 'http:' && protocol !== 'https:')
      throw new TypeError('the OTLP endpoint must begin with http:// or https://');
    const { clock } = options.monitor.options;
    this.#startedWallMs = clock.wallMs();
    this.#periodic = new Periodic(clock, this.#options.intervalMs, () => this.flush());
  }

  start(): void {
    this.#stopTraces ??= this.#options.monitor.onTrace((record) => this.#keep(record));
    this.#periodic.start();
  }

  /** Sends what waits, once, and ends. */
  async stop(): Promise<void> {
    if (this.#stopTraces === undefined) return;
    this.#stopTraces();
    this.#stopTraces = undefined;
    await this.#periodic.stop();
    await this.flush();
  }

  status(): OtlpStatus {
    return { ...this.#status };
  }

  /** Sends now. Never rejects: a failure is logged when it begins and counted always. */
  async flush(): Promise<void> {
    const { monitor, serviceName } = this.#options;
    const resource = resourceOf(serviceName, monitor.options.instanceId);
    const records = this.#waiting;
    this.#waiting = [];
    const [metricsSent, tracesSent] = await Promise.all([
      this.#post('metrics', metricsRequest(monitor, this.#startedWallMs, resource)),
      records.length === 0 ? true : this.#post('traces', tracesRequest(records, resource)),
    ]);
    if (tracesSent) this.#status.exportedTraces += records.length;
    else this.#putBack(records);
    this.#tell(metricsSent && tracesSent);
  }

  #keep(record: RequestRecord): void {
    if ((record.flags & 1) === 0) return;
    if (this.#waiting.length < this.#options.maxWaitingTraces) this.#waiting.push(record);
    else this.#status.droppedTraces += 1;
  }

  #putBack(records: RequestRecord[]): void {
    const room = Math.max(0, this.#options.maxWaitingTraces - this.#waiting.length);
    this.#status.droppedTraces += Math.max(0, records.length - room);
    this.#waiting = [...records.slice(0, room), ...this.#waiting];
  }

  async #post(signal: 'metrics' | 'traces', body: object): Promise<boolean> {
    const { endpoint, headers, timeoutMs } = this.#options;
    try {
      const response = await fetch(`${endpoint.replace(/\/$/, '')}/v1/${signal}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.body?.cancel();
      if (response.ok) return true;
    } catch {
      // A collector that is away is counted and told below, without its address, which may hold a key.
    }
    this.#status.failedExports += 1;
    return false;
  }

  #tell(sent: boolean): void {
    const { logger } = this.#options.monitor.options;
    if (!sent && !this.#failing) logger.warn({ ...this.#status }, 'the OTLP collector cannot be reached');
    if (sent && this.#failing) logger.info({ ...this.#status }, 'the OTLP collector is back');
    this.#failing = !sent;
  }
}
