import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { Periodic } from '../periodic.js';
import type { RequestRecord } from '../tracing/request-record.js';
import { BoundedQueue } from './bounded-queue.js';
import { resourceOf, type Resource } from './otlp-encoding.js';
import { OtlpLane, type OtlpStatus } from './otlp-lane.js';
import { logsRequest, OtlpLogBuffer } from './otlp-logs.js';
import { metricsRequest } from './otlp-metrics.js';
import { tracesRequest } from './otlp-spans.js';
import { OtlpTransport, type OtlpProtocol, type OtlpSignal } from './otlp-transport.js';

export interface OtlpExporterOptions {
  monitor: PerformanceMonitoringService;
  /** The collector's root, e.g. `http://localhost:4318`; `/v1/traces`, `/v1/metrics` and `/v1/logs` are added. */
  endpoint: string;
  /** E.g. an authorization header. Never logged. */
  headers?: Readonly<Record<string, string>>;
  protocol?: OtlpProtocol;
  serviceName?: string;
  /** More about the service, by OpenTelemetry's names: `service.version`, `deployment.environment.name`. */
  resourceAttributes?: Readonly<Record<string, string>>;
  /** What is sent; all three when left out. */
  signals?: readonly OtlpSignal[];
  /** Where the log lines wait; without it there are none to send. */
  logs?: OtlpLogBuffer;
  /** How often traces and logs are sent, in ms (5000). */
  intervalMs?: number;
  /** How often metrics are sent, in ms (60000). */
  metricsIntervalMs?: number;
  /** Finished requests that may wait to be sent (2000); beyond that new ones are dropped and counted. */
  maxWaitingTraces?: number;
  /** Of one request to the collector, in ms (10000). */
  timeoutMs?: number;
}

/** So many records go into one request. */
const BATCH = 512;
/** At the end nobody waits longer than this for a collector. */
const LAST_TIMEOUT_MS = 2_000;

/**
 * Sends metrics, traces and logs by OTLP over HTTP. Only requests whose trace is sampled by its caller (or begins here)
 * are sent. While the collector is away, traces and logs wait in bounded queues and metrics, being totals, lose nothing; what
 * it refuses for good is dropped. All of it is counted, and shown on `/metrics`.
 */
export class OtlpExporter {
  readonly #monitor: PerformanceMonitoringService;
  readonly #signals: ReadonlySet<OtlpSignal>;
  readonly #lanes: Record<OtlpSignal, OtlpLane>;
  readonly #traces: BoundedQueue<RequestRecord>;
  readonly #logs: OtlpLogBuffer;
  readonly #resource: Resource;
  readonly #startedWallMs: number;
  readonly #timeoutMs: number;
  readonly #metricsIntervalMs: number;
  readonly #periodic: Periodic;
  #metricsDueMs: number;
  #withdraw: (() => void) | undefined;

  constructor(options: OtlpExporterOptions) {
    const { monitor, endpoint, headers = {}, protocol = 'http/json', serviceName = 'dunlin' } = options;
    const { clock, logger, instanceId } = monitor.options;
    this.#monitor = monitor;
    this.#signals = new Set(options.signals ?? ['traces', 'metrics', 'logs']);
    const transport = new OtlpTransport({ endpoint, headers, protocol });
    const lane = (signal: OtlpSignal): OtlpLane =>
      new OtlpLane(signal, transport, clock, (reason) => {
        if (reason === undefined) logger.info({ signal }, 'the OTLP collector takes data again');
        else logger.warn({ signal, reason }, 'the OTLP collector does not take data');
      });
    this.#lanes = { traces: lane('traces'), metrics: lane('metrics'), logs: lane('logs') };
    this.#traces = new BoundedQueue(options.maxWaitingTraces ?? 2000);
    this.#logs = options.logs ?? new OtlpLogBuffer({ capacity: 0, clock });
    this.#resource = resourceOf({
      ...options.resourceAttributes,
      'service.name': serviceName,
      'service.instance.id': instanceId,
    });
    this.#startedWallMs = clock.wallMs();
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#metricsIntervalMs = options.metricsIntervalMs ?? 60_000;
    this.#metricsDueMs = clock.monotonicMs() + this.#metricsIntervalMs;
    this.#periodic = new Periodic(clock, options.intervalMs ?? 5_000, () => this.#tick());
  }

  start(): void {
    if (this.#withdraw !== undefined) return;
    const stopTraces = this.#signals.has('traces') ? this.#monitor.onTrace((record) => this.#keep(record)) : undefined;
    const forget = this.#monitor.showExport(() => this.status());
    this.#withdraw = () => {
      stopTraces?.();
      forget();
    };
    this.#periodic.start();
  }

  /** Sends what waits, once, within two seconds a request, and ends. */
  async stop(): Promise<void> {
    if (this.#withdraw === undefined) return;
    this.#withdraw();
    this.#withdraw = undefined;
    await this.#periodic.stop();
    await this.#flush(Math.min(LAST_TIMEOUT_MS, this.#timeoutMs));
  }

  status(): OtlpStatus {
    return {
      traces: this.#lanes.traces.status(this.#traces.dropped),
      metrics: this.#lanes.metrics.status(),
      logs: this.#lanes.logs.status(this.#logs.dropped),
    };
  }

  /** Sends everything now, pauses or not. Never rejects: a failure is logged when it begins and counted always. */
  flush(): Promise<void> {
    return this.#flush(this.#timeoutMs);
  }

  async #flush(timeoutMs: number): Promise<void> {
    await Promise.all([this.#sendMetrics(timeoutMs), this.#sendTraces(timeoutMs), this.#sendLogs(timeoutMs)]);
  }

  async #tick(): Promise<void> {
    const nowMs = this.#monitor.options.clock.monotonicMs();
    const due: Promise<void>[] = [];
    if (!this.#lanes.traces.paused) due.push(this.#sendTraces(this.#timeoutMs));
    if (!this.#lanes.logs.paused) due.push(this.#sendLogs(this.#timeoutMs));
    if (nowMs >= this.#metricsDueMs && !this.#lanes.metrics.paused) {
      this.#metricsDueMs = nowMs + this.#metricsIntervalMs;
      due.push(this.#sendMetrics(this.#timeoutMs));
    }
    await Promise.all(due);
  }

  #keep(record: RequestRecord): void {
    if ((record.flags & 1) === 1) this.#traces.push(record);
  }

  async #sendMetrics(timeoutMs: number): Promise<void> {
    if (!this.#signals.has('metrics')) return;
    const { document, points } = metricsRequest(this.#monitor, this.#startedWallMs, this.#resource);
    await this.#lanes.metrics.send(document, points, timeoutMs);
  }

  #sendTraces(timeoutMs: number): Promise<void> {
    return drain(this.#traces, this.#lanes.traces, timeoutMs, (records) => tracesRequest(records, this.#resource));
  }

  async #sendLogs(timeoutMs: number): Promise<void> {
    if (!this.#signals.has('logs')) return;
    await drain(this.#logs, this.#lanes.logs, timeoutMs, (lines) => logsRequest(lines, this.#resource));
  }
}

/** Sends what waits now, in batches, until one has to be kept. What comes meanwhile waits for the next turn, so the loop ends. */
async function drain<Item>(
  queue: BoundedQueue<Item>,
  lane: OtlpLane,
  timeoutMs: number,
  documentOf: (items: readonly Item[]) => object,
): Promise<void> {
  for (let left = queue.size; left > 0; left -= BATCH) {
    const items = queue.take(Math.min(BATCH, left));
    if (await lane.send(documentOf(items), items.length, timeoutMs)) continue;
    queue.putBack(items);
    return;
  }
}
