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
  /** Milliseconds of users' waiting that it costs in a minute, as far as that can be told; findings are ordered by it within a severity. */
  costMsPerMinute: number;
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
