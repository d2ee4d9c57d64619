import { severityRank } from '../alerts/alert.js';
import { failingEndpoints, slowEndpoints } from './endpoint-findings.js';
import type { Evidence, ExplainedStatement } from './evidence.js';
import type { Finding } from './finding.js';
import { memoryTrendFindings } from './memory-trend.js';
import { cacheFindings, channelFindings, poolFindings } from './source-findings.js';
import { statementFindings } from './statement-findings.js';
import { systemFindings } from './system-findings.js';

/** All findings, those first that cost users the most; what cannot be measured so comes after, by severity. Pure. */
export function findingsFrom(evidence: Evidence): Finding[] {
  const slow = slowEndpoints(evidence);
  const told = new Set(slow.flatMap((finding) => fingerprintOf(finding) ?? []));
  const findings = [
    ...slow,
    ...failingEndpoints(evidence),
    ...statementFindings(evidence, told),
    ...poolFindings(evidence),
    ...cacheFindings(evidence),
    ...systemFindings(evidence),
    ...memoryTrendFindings(evidence.history),
    ...channelFindings(evidence),
  ];
  return findings.sort(
    (a, b) =>
      Number(endsAll(b)) - Number(endsAll(a)) ||
      b.costMsPerMinute - a.costMsPerMinute ||
      severityRank(b.severity) - severityRank(a.severity),
  );
}

/** A process that runs out of memory answers nobody any more: that has no price in milliseconds, and comes first. */
function endsAll(finding: Finding): boolean {
  return finding.area === 'memory' && finding.severity === 'critical';
}

/** The statement that a finding is about. */
export function fingerprintOf({ area, evidence }: Finding): string | undefined {
  if (area === 'query') return evidence['fingerprint'] as string;
  return area === 'endpoint' ? (evidence['query'] as ExplainedStatement | undefined)?.fingerprint : undefined;
}
