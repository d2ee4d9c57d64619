import type { Figures } from '../figures.js';
import { isServerError } from '../metrics/request-series.js';
import type { ResolvedOptions } from '../options.js';
import { planWithin } from '../sources/plan.js';
import type { QueryFigures } from '../sources/database-recorder.js';
import type { RequestRecord } from '../tracing/request-record.js';
import type { TraceStore } from '../tracing/trace-store.js';
import type { Alert, AlertEvidence, Exemplar } from './alert.js';
import type { ChangeMarker } from './change-marker.js';
import { concerns as objectiveConcerns } from './objective.js';
import type { AlertRule } from './rule.js';

const EXEMPLARS = 3;
const CHANGES_WITHIN_MS = 30 * 60_000;

/** Gathers what helps to understand an alert that fires now: three requests that show it, the worst statement with its plan, and what was changed lately. */
export async function gatherEvidence(
  rule: AlertRule,
  parts: {
    options: ResolvedOptions;
    figures: Figures;
    traces: TraceStore;
    recentChanges: (withinMs: number) => ChangeMarker[];
  },
): Promise<Pick<Alert, 'exemplars' | 'evidence'>> {
  const { clock, database } = parts.options;
  const sinceWallMs = clock.wallMs() - rule.windowSeconds * 1000;
  const exemplars = parts.traces.exemplars(sinceWallMs, EXEMPLARS, weightFor(rule));
  const changes = parts.recentChanges(CHANGES_WITHIN_MS);
  const worst = worstQuery(rule, exemplars, parts);
  const plan = worst === undefined ? undefined : await planWithin(database, worst.fingerprint, clock);
  const evidence: AlertEvidence = {
    ...(worst === undefined ? {} : { worstQuery: { ...worst, ...(plan === undefined ? {} : { plan }) } }),
    ...(changes.length === 0 ? {} : { changes }),
  };
  return {
    ...(exemplars.length === 0 ? {} : { exemplars }),
    ...(Object.keys(evidence).length === 0 ? {} : { evidence }),
  };
}

/** Of the database's own rules the slowest statement; else the one that the exemplars spent the most time in; else the costliest of all. */
function worstQuery(
  rule: AlertRule,
  exemplars: readonly Exemplar[],
  { options, figures, traces }: { options: ResolvedOptions; figures: Figures; traces: TraceStore },
): QueryFigures | undefined {
  const nowMs = options.clock.monotonicMs();
  const top = figures.queries.top(rule.windowSeconds, nowMs, Number.MAX_SAFE_INTEGER);
  if (rule.metric.startsWith('database.')) return top.sort((a, b) => b.max - a.max)[0];
  const spentMs = new Map<string, number>();
  for (const { correlationId, traceId } of exemplars) {
    const trace = traces.find(correlationId).find((one) => one.traceId === traceId);
    for (const { fingerprint, durationMs } of trace?.queries ?? [])
      spentMs.set(fingerprint, (spentMs.get(fingerprint) ?? 0) + durationMs);
  }
  const [guilty] = [...spentMs].sort((a, b) => b[1] - a[1]);
  return top.find((one) => one.fingerprint === guilty?.[0]) ?? top[0];
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
