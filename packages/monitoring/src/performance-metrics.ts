import type { WindowSeconds } from './metrics/sliding-window.js';
import type { SystemFigures } from './system/system-sampler.js';

/** Quantiles of a window, in ms. `lowConfidence` stands when fewer than 100 samples are behind them. */
export interface DurationFigures {
  average: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
  count: number;
  lowConfidence?: true;
}

/** One endpoint over the window. Rates in percent, times in ms. */
export interface EndpointMetrics extends DurationFigures {
  method: string;
  route: string;
  requestsPerSecond: number;
  errorRate: number;
  errors: number;
  clientErrors: number;
  aborted: number;
  slow: number;
}

/** The answer of `GET /performance/metrics`. Times in ms, rates and usages in percent, sizes in bytes. */
export interface PerformanceMetrics {
  timestamp: string;
  windowSeconds: WindowSeconds;
  /** How much of the window has been measured; less than the window in a young process. */
  coveredSeconds: number;
  responseTime: DurationFigures;
  throughput: { requestsPerSecond: number; requestsPerMinute: number };
  errorRate: { rate: number; count: number; clientErrors: number; aborted: number };
  systemResources: SystemFigures;
  database: {
    connectionPoolUsage: number;
    averageQueryTime: number;
    p95QueryTime: number;
    slowQueries: number;
    queryCount: number;
    errors: number;
    averageWaitMs: number;
  };
  cache: { hitRate: number; missRate: number; evictionRate: number; lookups: number };
  endpoints: EndpointMetrics[];
  /** What the monitor knows of its own losses. */
  self: { overflowedLabels: number; rejectedObservations: number; instanceId: string };
}
