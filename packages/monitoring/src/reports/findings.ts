import { severityRank, type Severity } from '../alerts/alert.js';
import type { Thresholds } from '../alerts/thresholds.js';
import type { EndpointMetrics, PerformanceMetrics } from '../performance-metrics.js';
import type { CacheClassFigures } from '../sources/cache-source.js';
import type { PoolFigures, QueryAdvice } from '../sources/database-source.js';
import type { QueryFigures } from '../sources/database-recorder.js';
import type { Finding } from './finding.js';

/** What the findings are drawn from; nothing else is. */
export interface Evidence {
  metrics: PerformanceMetrics;
  thresholds: Thresholds;
  queries: readonly QueryFigures[];
  pool: PoolFigures | undefined;
  classes: readonly CacheClassFigures[];
  /** What the database's own adviser says; empty when it has none. */
  advice: readonly QueryAdvice[];
}

/** Below this many samples nothing is concluded. */
const ENOUGH = 20;

/** All findings, the most severe first, within a severity those that cost users the most. Pure. */
export function findingsFrom(evidence: Evidence): Finding[] {
  const findings = [
    ...slowEndpoints(evidence),
    ...failingEndpoints(evidence),
    ...slowStatements(evidence),
    ...poolFindings(evidence),
    ...cacheFindings(evidence),
    ...systemFindings(evidence),
  ];
  return findings.sort(
    (a, b) => severityRank(b.severity) - severityRank(a.severity) || b.costMsPerMinute - a.costMsPerMinute,
  );
}

function bySize(ratio: number): Severity {
  return ratio <= 1.25 ? 'low' : ratio <= 1.5 ? 'medium' : ratio <= 2 ? 'high' : 'critical';
}

function slowEndpoints({ metrics, thresholds, queries }: Evidence): Finding[] {
  return metrics.endpoints
    .filter((endpoint) => endpoint.count >= ENOUGH && endpoint.p95 > thresholds.responseTimeMs)
    .map((endpoint) => slowEndpoint(endpoint, thresholds, queries));
}

function slowEndpoint(endpoint: EndpointMetrics, thresholds: Thresholds, queries: readonly QueryFigures[]): Finding {
  const name = `${endpoint.method} ${endpoint.route}`;
  const culprit = queries.filter((query) => query.endpoints.includes(name)).sort((a, b) => b.totalMs - a.totalMs)[0];
  const { count, average, p95, p99 } = endpoint;
  return {
    severity: bySize(p95 / thresholds.responseTimeMs),
    area: 'endpoint',
    title: `${name} is slow: P95 ${Math.round(p95)} ms`,
    evidence: {
      endpoint: name,
      count,
      average,
      p95,
      p99,
      threshold: thresholds.responseTimeMs,
      ...(culprit === undefined ? {} : { query: culprit }),
    },
    action:
      culprit === undefined
        ? `Open the traces of ${name} and look where the time goes; no statement of the database was seen in it.`
        : `Look at statement ${culprit.fingerprint}: ${culprit.count} runs took ${Math.round(culprit.totalMs)} ms in this period.`,
    costMsPerMinute: endpoint.requestsPerSecond * 60 * average,
  };
}

function failingEndpoints({ metrics, thresholds }: Evidence): Finding[] {
  return metrics.endpoints
    .filter((endpoint) => endpoint.count >= ENOUGH && endpoint.errorRate > thresholds.errorRatePercent)
    .map((endpoint) => ({
      severity: bySize(endpoint.errorRate / Math.max(thresholds.errorRatePercent, 0.1)),
      area: 'errors' as const,
      title: `${endpoint.method} ${endpoint.route} fails in ${endpoint.errorRate.toFixed(1)} % of its requests`,
      evidence: {
        errors: endpoint.errors,
        count: endpoint.count,
        errorRate: endpoint.errorRate,
        threshold: thresholds.errorRatePercent,
      },
      action: `Open the failed traces of ${endpoint.method} ${endpoint.route} and their log lines by correlation id.`,
      costMsPerMinute: endpoint.requestsPerSecond * 60 * endpoint.average,
    }));
}

function slowStatements({ metrics, queries, advice }: Evidence): Finding[] {
  return queries
    .filter((query) => query.slow > 0)
    .map((query) => {
      const mended = advice.find((one) => JSON.stringify(one.evidence ?? '').includes(query.fingerprint));
      return {
        severity: query.slow / query.count > 0.1 ? ('high' as const) : ('medium' as const),
        area: 'query' as const,
        title: `A statement was slow ${query.slow} of ${query.count} times, at worst ${Math.round(query.max)} ms`,
        evidence: { ...query, ...(mended === undefined ? {} : { advice: mended }) },
        action:
          mended?.statement ??
          `Read the plan of statement ${query.fingerprint} and give its filter and order an index.`,
        costMsPerMinute: (60 * query.totalMs) / metrics.coveredSeconds,
      };
    });
}

function poolFindings({ metrics, pool }: Evidence): Finding[] {
  if (pool === undefined || metrics.database.queryCount < ENOUGH) return [];
  const { averageWaitMs, averageQueryTime, queryCount } = metrics.database;
  if (averageWaitMs < 1 || averageWaitMs < averageQueryTime / 2) return [];
  return [
    {
      severity: averageWaitMs > averageQueryTime ? 'high' : 'medium',
      area: 'pool',
      title: `Statements wait ${averageWaitMs.toFixed(1)} ms for a connection and run for ${averageQueryTime.toFixed(1)} ms`,
      evidence: { pool, averageWaitMs, averageQueryTime, queryCount },
      action: `Raise the pool beyond ${pool.size} connections if the database has CPU to spare; otherwise shorten the costliest statements.`,
      costMsPerMinute: (60 * averageWaitMs * queryCount) / metrics.coveredSeconds,
    },
  ];
}

function cacheFindings({ metrics, thresholds, classes }: Evidence): Finding[] {
  if (metrics.cache.lookups < 100 || metrics.cache.hitRate >= thresholds.cacheHitRatePercent) return [];
  const worst = classes.filter((one) => one.hits + one.misses >= ENOUGH).sort((a, b) => b.misses - a.misses)[0];
  return [
    {
      severity: metrics.cache.hitRate < thresholds.cacheHitRatePercent / 2 ? 'high' : 'medium',
      area: 'cache',
      title: `The cache answers ${metrics.cache.hitRate.toFixed(1)} % of its lookups`,
      evidence: {
        ...metrics.cache,
        threshold: thresholds.cacheHitRatePercent,
        ...(worst === undefined ? {} : { class: worst }),
      },
      action:
        worst === undefined
          ? 'Look which keys miss; the cache tells no classes.'
          : (worst.advice ??
            `Most misses are of class ${worst.name} with a TTL of ${worst.ttlSeconds} s: lengthen it, or warm the class.`),
      costMsPerMinute:
        (60 * metrics.database.averageQueryTime * metrics.cache.lookups * metrics.cache.missRate) /
        100 /
        metrics.coveredSeconds,
    },
  ];
}

function systemFindings({ metrics, thresholds }: Evidence): Finding[] {
  const { cpuUsage, memoryUsage, eventLoop, heap } = metrics.systemResources;
  const findings: Finding[] = [];
  const add = (
    area: Finding['area'],
    severity: Severity,
    title: string,
    evidence: Record<string, unknown>,
    action: string,
  ): void => {
    findings.push({ severity, area, title, evidence, action, costMsPerMinute: 0 });
  };
  if (cpuUsage > thresholds.cpuUsagePercent) {
    add(
      'cpu',
      'high',
      `The process uses ${cpuUsage.toFixed(0)} % of its CPU`,
      { cpuUsage, threshold: thresholds.cpuUsagePercent },
      'Start another instance, or take a CPU profile of this one.',
    );
  }
  if (memoryUsage.percentage > thresholds.memoryUsagePercent) {
    add(
      'memory',
      'high',
      `Memory stands at ${memoryUsage.percentage.toFixed(0)} % of its limit`,
      { ...memoryUsage },
      'Raise the limit, or lower the in-process cache; compare two heap snapshots if it keeps growing.',
    );
  }
  if (heap.used > 0.9 * heap.limit) {
    add(
      'memory',
      'critical',
      'The heap is nearly full',
      { ...heap },
      'Raise --max-old-space-size, and compare two heap snapshots.',
    );
  }
  if (eventLoop.delayP99Ms > 100) {
    add(
      'event_loop',
      'high',
      `The event loop is late by ${eventLoop.delayP99Ms.toFixed(0)} ms at P99`,
      { ...eventLoop },
      'Find the synchronous work with a CPU profile; one event loop uses one core.',
    );
  }
  return findings;
}
