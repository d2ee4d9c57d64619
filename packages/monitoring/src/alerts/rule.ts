import type { WindowSeconds } from '../metrics/sliding-window.js';
import type { AlertType, Severity } from './alert.js';
import type { Condition } from './condition.js';
import type { ServiceObjective } from './objective.js';

/** The metrics that a rule may look at, with their unit. */
export const RULE_METRICS = Object.freeze({
  'responseTime.average': 'ms',
  'responseTime.p50': 'ms',
  'responseTime.p95': 'ms',
  'responseTime.p99': 'ms',
  'responseTime.max': 'ms',
  'throughput.requestsPerSecond': 'requests/s',
  'errorRate.rate': '%',
  'errorRate.clientErrors': 'requests',
  'errorRate.aborted': 'requests',
  'systemResources.cpuUsage': '%',
  'systemResources.memoryUsage': '%',
  'systemResources.heapUsage': '%',
  'systemResources.eventLoop.delayP99Ms': 'ms',
  'systemResources.eventLoop.utilization': '%',
  'database.connectionPoolUsage': '%',
  'database.averageQueryTime': 'ms',
  'database.p95QueryTime': 'ms',
  'database.slowQueries': 'queries',
  'database.slowestQueryMs': 'ms',
  'cache.hitRate': '%',
  'cache.evictionRate': '%',
  'monitoring.deadChannels': 'channels',
  'slo.burnRate': 'times',
} as const);

export type RuleMetric = keyof typeof RULE_METRICS;

/** A condition on one metric, judged at every interval. */
export interface AlertRule {
  type: AlertType;
  /** What the message calls it, e.g. `P95 response time`. */
  title: string;
  metric: RuleMetric | 'condition';
  /** Look at one endpoint only, e.g. `GET /wallet/balance`; for response time and error rate. */
  endpoint?: string;
  comparison: 'above' | 'below';
  threshold: number;
  /** The value that ends the alert, on the good side of the threshold. Between the two nothing changes. */
  clearBound: number;
  windowSeconds: WindowSeconds;
  /** How long the condition must hold without a break before the alert fires. */
  forMs: number;
  /** Below this many samples in the window the value is taken as missing. */
  minSamples: number;
  /** With it the rule watches the burning of an error budget, and metric and window only say so. */
  objective?: ServiceObjective;
  /** With it the rule tells of a condition, and metric and threshold only say so. */
  condition?: Condition;
  /** Fixed severity; otherwise it follows from how far past the threshold the value is. */
  severity?: Severity;
}

/** A metric's value over a rule's window, and how many samples stand behind it. */
export interface MetricReading {
  value: number;
  samples: number;
}

/** What one look at a rule says. */
export type Verdict =
  | { kind: 'breach'; value: number; severity: Severity }
  /** Between the clear bound and the threshold: neither raises nor ends an alert. */
  | { kind: 'between'; value: number }
  | { kind: 'clear'; value: number }
  | { kind: 'missing' };

/**
 * Severity from the distance past the threshold, relative to it: up to a quarter past is low, up to half medium, up to
 * double high, beyond that critical. A percentage of 50 or more cannot double, so for one the distance is measured against
 * the room that is left: low up to a quarter of the way to the end of the scale, medium to half, high to four fifths.
 */
export function severityOf(
  rule: Pick<AlertRule, 'comparison' | 'threshold' | 'metric' | 'severity'>,
  value: number,
): Severity {
  if (rule.severity !== undefined) return rule.severity;
  if (rule.metric !== 'condition' && RULE_METRICS[rule.metric] === '%' && rule.threshold >= 50) {
    const room = rule.comparison === 'above' ? 100 - rule.threshold : rule.threshold;
    const past = room <= 0 ? 1 : Math.abs(value - rule.threshold) / room;
    return past <= 0.25 ? 'low' : past <= 0.5 ? 'medium' : past <= 0.8 ? 'high' : 'critical';
  }
  const ratio =
    rule.comparison === 'above' ? value / rule.threshold : rule.threshold / Math.max(value, Number.MIN_VALUE);
  return ratio <= 1.25 ? 'low' : ratio <= 1.5 ? 'medium' : ratio <= 2 ? 'high' : 'critical';
}

export function judge(rule: AlertRule, reading: MetricReading | undefined): Verdict {
  if (reading === undefined || reading.samples < rule.minSamples || !Number.isFinite(reading.value)) {
    return { kind: 'missing' };
  }
  const { value } = reading;
  const above = rule.comparison === 'above';
  if (above ? value > rule.threshold : value < rule.threshold) {
    return { kind: 'breach', value, severity: severityOf(rule, value) };
  }
  return (above ? value <= rule.clearBound : value >= rule.clearBound)
    ? { kind: 'clear', value }
    : { kind: 'between', value };
}
