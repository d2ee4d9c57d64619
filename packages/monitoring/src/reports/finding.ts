import type { Alert, Severity } from '../alerts/alert.js';
import type { PerformanceMetrics } from '../performance-metrics.js';

export type FindingArea =
  'endpoint' | 'errors' | 'query' | 'pool' | 'cache' | 'cpu' | 'memory' | 'event_loop' | 'alerts';

/** One thing that is wrong, what shows it, and the one thing to do. */
export interface Finding {
  severity: Severity;
  area: FindingArea;
  title: string;
  evidence: Record<string, unknown>;
  action: string;
  /**
   * Milliseconds of users' waiting that it costs in a minute, as far as that can be told; a failed request counts as
   * `FAILED_REQUEST_MS` of it. 0 where the cost cannot be measured. Findings are ordered by it.
   */
  costMsPerMinute: number;
}

/** What a failed request costs whoever sent it, beside an answer that is only late: a convention, so that both can stand in one order. */
export const FAILED_REQUEST_MS = 30_000;

/** Below this many samples nothing is concluded. */
export const ENOUGH = 20;

/** What came in a window, by the minute; a process younger than a minute is not reckoned up to one. */
export function perMinute(total: number, coveredSeconds: number): number {
  return (60 * total) / Math.max(60, coveredSeconds);
}

/** Samples of the system, one a second, from when on a process is past its beginning. */
export const SETTLED_SAMPLES = 30;

/** How bad it is by how far past its threshold a value is. */
export function bySize(ratio: number): Severity {
  return ratio <= 1.25 ? 'low' : ratio <= 1.5 ? 'medium' : ratio <= 2 ? 'high' : 'critical';
}

/** The answer of `GET /performance/report`. */
export interface PerformanceReport {
  summary: string;
  period: { from: string; to: string; windowSeconds: number };
  metrics: PerformanceMetrics;
  alerts: Alert[];
  findings: Finding[];
  recommendations: string[];
}
