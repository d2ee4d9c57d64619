import { statementAction } from './endpoint-findings.js';
import { explained, type Evidence, type ExplainedStatement } from './evidence.js';
import { ENOUGH, perMinute, type Finding } from './finding.js';

/** A statement below this many milliseconds a minute costs users nothing that they could notice, index or not. */
const LEAST_COST_MS_PER_MINUTE = 100;
/** Once or twice slow is an accident of the machine, unless it cost that much. */
const LEAST_SLOW = 3;
const ACCIDENT_MS_PER_MINUTE = 5_000;

/**
 * Statements that were slow, and those that are quick enough each time but run so often that an index would save users real
 * time. `told` are those that an endpoint's finding speaks of already: one cause is one finding.
 */
export function statementFindings(evidence: Evidence, told: ReadonlySet<string>): Finding[] {
  const { metrics } = evidence;
  return evidence.queries.flatMap((query) => {
    if (told.has(query.fingerprint)) return [];
    const statement = explained(query, evidence);
    const costMsPerMinute = perMinute(query.totalMs, metrics.coveredSeconds);
    const missesIndex =
      statement.advice !== undefined && query.count >= ENOUGH && costMsPerMinute >= LEAST_COST_MS_PER_MINUTE;
    const isSlow = query.slow >= LEAST_SLOW || (query.slow > 0 && costMsPerMinute >= ACCIDENT_MS_PER_MINUTE);
    if (!isSlow && !missesIndex) return [];
    return [
      {
        severity: severityOf(statement),
        area: 'query' as const,
        title: titleOf(statement),
        evidence: { ...statement },
        action: statementAction(statement),
        costMsPerMinute,
      },
    ];
  });
}

function severityOf({ slow, count }: ExplainedStatement): Finding['severity'] {
  if (slow === 0) return 'low';
  return slow / count > 0.1 ? 'high' : 'medium';
}

function titleOf({ slow, count, max, average, endpoints }: ExplainedStatement): string {
  const whose = endpoints.length === 0 ? '' : ` of ${endpoints[endpoints.length - 1]}`;
  return slow > 0
    ? `A statement${whose} was slow ${slow} of ${count} times, at worst ${Math.round(max)} ms`
    : `A statement${whose} misses an index: ${count} runs of ${average.toFixed(1)} ms`;
}
