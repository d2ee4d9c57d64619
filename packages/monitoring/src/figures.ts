import { BudgetRecorder } from './alerts/budget-recorder.js';
import type { AlertRule, MetricReading } from './alerts/rule.js';
import { durationFigures, requestCounts } from './metrics/request-figures.js';
import { RequestRecorder } from './metrics/request-recorder.js';
import type { WindowSeconds } from './metrics/sliding-window.js';
import type { ResolvedOptions } from './options.js';
import type { PerformanceMetrics } from './performance-metrics.js';
import { OverviewSeries } from './series/overview-series.js';
import { CacheRecorder } from './sources/cache-recorder.js';
import { DatabaseRecorder } from './sources/database-recorder.js';
import { SystemSampler } from './system/system-sampler.js';

/** Everything that is measured in this process, and how any metric is read from it. */
export class Figures {
  readonly requests: RequestRecorder;
  readonly queries: DatabaseRecorder;
  readonly cache: CacheRecorder | undefined;
  readonly system: SystemSampler;
  readonly series: OverviewSeries;
  readonly #budgets = new BudgetRecorder();
  readonly #options: ResolvedOptions;

  constructor(options: ResolvedOptions) {
    const nowMs = options.clock.monotonicMs();
    this.#options = options;
    this.requests = new RequestRecorder(nowMs, options.maxEndpoints);
    this.queries = new DatabaseRecorder(nowMs, options.maxFingerprints);
    this.cache = options.cache === undefined ? undefined : new CacheRecorder(options.cache, nowMs);
    this.system = new SystemSampler(nowMs);
    this.series = new OverviewSeries(options, this);
  }

  /** Once a second: closes slots and photographs the growing totals. */
  sample(): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.requests.turn(nowMs);
    this.#budgets.sample(this.requests.endpoints.all(), nowMs);
    this.queries.turn(nowMs);
    this.cache?.sample(nowMs);
    this.system.sample(nowMs);
    this.series.sample(nowMs);
  }

  /** What the endpoints answered and failed over up to six hours, up to this moment. */
  currentBudgets(): BudgetRecorder {
    this.#budgets.sample(this.requests.endpoints.all(), this.#options.clock.monotonicMs());
    return this.#budgets;
  }

  metrics(window: WindowSeconds): PerformanceMetrics {
    const { clock, instanceId, database } = this.#options;
    const nowMs = clock.monotonicMs();
    const reading = this.requests.read(window, nowMs)!;
    const counts = requestCounts(reading);
    const perSecond = (1000 * counts.requests) / reading.coveredMs;
    const responseTime = durationFigures(reading.sketch);
    const coveredSeconds = Math.min(window, reading.coveredMs / 1000);
    const rejectedObservations = reading.sketch.rejected;
    const { slowestMs: _slowest, ...queries } = this.queries.figures(window, nowMs);
    return {
      timestamp: new Date(clock.wallMs()).toISOString(),
      windowSeconds: window,
      coveredSeconds,
      responseTime,
      throughput: { requestsPerSecond: perSecond, requestsPerMinute: perSecond * 60 },
      errorRate: {
        rate: counts.errorRate,
        count: counts.serverErrors,
        clientErrors: counts.clientErrors,
        aborted: counts.aborted,
      },
      systemResources: this.system.figures(window, nowMs),
      database: { connectionPoolUsage: database?.poolStatus().utilization ?? 0, ...queries },
      cache: this.cache?.figures(window, nowMs) ?? { hitRate: 0, missRate: 0, evictionRate: 0, lookups: 0 },
      endpoints: this.requests.endpointMetrics(window, nowMs),
      self: {
        overflowedLabels: this.requests.endpoints.overflowed + this.queries.overflowed,
        rejectedObservations,
        instanceId,
      },
    };
  }

  /** What a rule looks at, now; undefined when it is not measured here at all. */
  readMetric(rule: Pick<AlertRule, 'metric' | 'windowSeconds' | 'endpoint'>): MetricReading | undefined {
    const [area, ...rest] = rule.metric.split('.');
    const field = rest.join('.');
    switch (area) {
      case 'responseTime':
      case 'throughput':
      case 'errorRate':
        return this.#requestMetric(area, field, rule);
      case 'systemResources':
        return this.#systemMetric(field, rule.windowSeconds);
      case 'database':
        return this.#databaseMetric(field, rule.windowSeconds);
      default:
        return this.#cacheMetric(field, rule.windowSeconds);
    }
  }

  #requestMetric(
    area: string,
    field: string,
    rule: Pick<AlertRule, 'windowSeconds' | 'endpoint'>,
  ): MetricReading | undefined {
    const reading = this.requests.read(rule.windowSeconds, this.#options.clock.monotonicMs(), rule.endpoint);
    if (reading === undefined) return undefined;
    const counts = requestCounts(reading);
    const answered = counts.requests - counts.aborted;
    if (area === 'throughput') return { value: (1000 * counts.requests) / reading.coveredMs, samples: Infinity };
    if (area === 'errorRate') {
      const value = { rate: counts.errorRate, clientErrors: counts.clientErrors, aborted: counts.aborted }[field];
      return value === undefined ? undefined : { value, samples: field === 'rate' ? answered : counts.requests };
    }
    const figures = durationFigures(reading.sketch);
    const value = { average: figures.average, p50: figures.p50, p95: figures.p95, p99: figures.p99, max: figures.max }[
      field
    ];
    return value === undefined ? undefined : { value, samples: figures.count };
  }

  #systemMetric(field: string, window: WindowSeconds): MetricReading | undefined {
    const figures = this.system.figures(window, this.#options.clock.monotonicMs());
    const value = {
      cpuUsage: figures.cpuUsage,
      memoryUsage: figures.memoryUsage.percentage,
      heapUsage: (100 * figures.heap.used) / figures.heap.limit,
      'eventLoop.delayP99Ms': figures.eventLoop.delayP99Ms,
      'eventLoop.utilization': figures.eventLoop.utilization,
    }[field];
    return value === undefined ? undefined : { value, samples: figures.samples };
  }

  /** A quiet database is no missing one: that there was no slow statement is known, whatever else was sent. */
  #databaseMetric(field: string, window: WindowSeconds): MetricReading | undefined {
    const { database, clock } = this.#options;
    if (database === undefined) return undefined;
    const figures = this.queries.figures(window, clock.monotonicMs());
    switch (field) {
      case 'connectionPoolUsage':
        return { value: database.poolStatus().utilization, samples: Infinity };
      case 'slowQueries':
        return { value: figures.slowQueries, samples: Infinity };
      case 'slowestQueryMs':
        return { value: figures.slowestMs, samples: Infinity };
      case 'averageQueryTime':
        return { value: figures.averageQueryTime, samples: figures.queryCount };
      case 'p95QueryTime':
        return { value: figures.p95QueryTime, samples: figures.queryCount };
      default:
        return undefined;
    }
  }

  #cacheMetric(field: string, window: WindowSeconds): MetricReading | undefined {
    const figures = this.cache?.figures(window, this.#options.clock.monotonicMs());
    if (figures === undefined) return undefined;
    const value = { hitRate: figures.hitRate, evictionRate: figures.evictionRate }[field];
    return value === undefined ? undefined : { value, samples: figures.lookups };
  }
}
