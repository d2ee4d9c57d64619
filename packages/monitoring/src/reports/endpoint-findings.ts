import type { EndpointMetrics } from '../performance-metrics.js';
import { explained, type Evidence, type ExplainedStatement } from './evidence.js';
import { bySize, ENOUGH, FAILED_REQUEST_MS, perMinute, type Finding } from './finding.js';

/** A statement is to blame when it has at least this share of its endpoint's time. */
const BLAME_SHARE = 0.2;

export function slowEndpoints(evidence: Evidence): Finding[] {
  const { metrics, thresholds } = evidence;
  return metrics.endpoints
    .filter((endpoint) => endpoint.count >= ENOUGH && endpoint.p95 > thresholds.responseTimeMs)
    .map((endpoint) => slowEndpoint(endpoint, evidence));
}

/** The chain: endpoint → the statement that its time goes to → its plan → the index that mends it. */
function slowEndpoint(endpoint: EndpointMetrics, evidence: Evidence): Finding {
  const name = `${endpoint.method} ${endpoint.route}`;
  const { count, average, p95, p99 } = endpoint;
  const threshold = evidence.thresholds.responseTimeMs;
  const query = culprit(name, endpoint, evidence);
  return {
    severity: bySize(p95 / threshold),
    area: 'endpoint',
    title: `${name} is slow: P95 ${Math.round(p95)} ms`,
    evidence: { endpoint: name, count, average, p95, p99, threshold, ...(query === undefined ? {} : { query }) },
    action: query === undefined ? traceAction(name) : statementAction(query),
    costMsPerMinute: perMinute(count * average, evidence.metrics.coveredSeconds),
  };
}

function culprit(name: string, endpoint: EndpointMetrics, evidence: Evidence): ExplainedStatement | undefined {
  const [worst] = evidence.queries
    .filter((query) => query.endpoints.includes(name))
    .sort((a, b) => b.totalMs - a.totalMs);
  if (worst === undefined || worst.totalMs < BLAME_SHARE * endpoint.count * endpoint.average) return undefined;
  return explained(worst, evidence);
}

function traceAction(name: string): string {
  return `Open the traces of ${name} and look where the time goes: it is not in one statement of the database.`;
}

/** The statement of an index where the adviser has one; else where to look. */
export function statementAction({ advice, plan, fingerprint }: ExplainedStatement): string {
  if (advice !== undefined) return advice.statement;
  const where = `GET /performance/queries/${fingerprint}`;
  return plan === undefined
    ? `Read the plan of statement ${fingerprint} (${where}) and give its filter and order an index.`
    : `No index is known to help statement ${fingerprint} (${where}): ask it for less, or more seldom; if its plan is in order, it waited for locks, load or disk. Its plan: ${plan}`;
}

export function failingEndpoints({ metrics, thresholds }: Evidence): Finding[] {
  return metrics.endpoints
    .filter((endpoint) => endpoint.count >= ENOUGH && endpoint.errorRate > thresholds.errorRatePercent)
    .map(({ method, route, errors, count, errorRate }) => ({
      severity: bySize(errorRate / Math.max(thresholds.errorRatePercent, 0.1)),
      area: 'errors' as const,
      title: `${method} ${route} fails in ${errorRate.toFixed(1)} % of its requests`,
      evidence: { endpoint: `${method} ${route}`, errors, count, errorRate, threshold: thresholds.errorRatePercent },
      action: `Open the failed traces of ${method} ${route} (GET /performance/traces?notable=true) and their log lines by correlation id.`,
      costMsPerMinute: perMinute(errors * FAILED_REQUEST_MS, metrics.coveredSeconds),
    }));
}
