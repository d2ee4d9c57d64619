import type { Figures } from '../figures.js';
import type { ResolvedOptions } from '../options.js';
import type { RequestRecord } from '../tracing/request-record.js';
import type { TraceStore } from '../tracing/trace-store.js';
import { isServerError } from '../metrics/request-series.js';
import type { Alert } from './alert.js';
import { concerns as objectiveConcerns } from './objective.js';
import type { AlertRule } from './rule.js';
import type { SharedAlerts } from './shared-alerts.js';

const EXEMPLARS = 3;
const CHANGES_WITHIN_MS = 30 * 60_000;

/** Adds what helps to understand the alert: three requests that show it, the costliest statement, and what was changed lately. */
export function withEvidence(
  alert: Alert,
  rule: AlertRule,
  parts: { options: ResolvedOptions; figures: Figures; traces: TraceStore; shared: SharedAlerts },
): Alert {
  const { clock } = parts.options;
  const sinceWallMs = clock.wallMs() - rule.windowSeconds * 1000;
  const exemplars = parts.traces.exemplars(sinceWallMs, EXEMPLARS, weightFor(rule));
  const worstQuery = parts.figures.queries.top(rule.windowSeconds, clock.monotonicMs(), 1)[0];
  const slowest = parts.figures.queries.slowQueries(1)[0];
  const changes = parts.shared.recentChanges(CHANGES_WITHIN_MS);
  const evidence = {
    ...(worstQuery === undefined ? {} : { costliestQuery: worstQuery }),
    ...(rule.type === 'slow_query' && slowest !== undefined ? { slowQuery: slowest } : {}),
    ...(changes.length === 0 ? {} : { changes }),
  };
  return {
    ...alert,
    ...(exemplars.length === 0 ? {} : { exemplars }),
    ...(Object.keys(evidence).length === 0 ? {} : { evidence }),
  };
}

/** How well a request shows what the rule is about; 0 when it does not. */
function weightFor(rule: AlertRule): (record: RequestRecord) => number {
  const { objective, endpoint } = rule;
  const concerns = (record: RequestRecord): boolean =>
    objective !== undefined
      ? objectiveConcerns(objective, record.endpoint)
      : endpoint === undefined || record.endpoint === endpoint;
  switch (rule.metric.split('.')[0]) {
    case 'errorRate':
    case 'slo':
      return (record) => (concerns(record) && (isServerError(record) || record.aborted) ? 1 + record.durationMs : 0);
    case 'database':
      return (record) => record.queryMs;
    case 'cache':
      return (record) => (record.cacheCalls ?? []).filter((call) => call.outcome === 'miss').length;
    default:
      return (record) => (concerns(record) && !record.aborted && !record.streaming ? record.durationMs : 0);
  }
}
