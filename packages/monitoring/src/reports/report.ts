import type { Alert } from '../alerts/alert.js';
import type { Thresholds } from '../alerts/thresholds.js';
import type { Figures } from '../figures.js';
import type { WindowSeconds } from '../metrics/sliding-window.js';
import type { ResolvedOptions } from '../options.js';
import type { PerformanceMetrics } from '../performance-metrics.js';
import type { QueryAdvice } from '../sources/database-source.js';
import type { Finding, PerformanceReport } from './finding.js';
import { findingsFrom } from './findings.js';

const MAX_QUERIES = 100;

/** What a report is drawn from; the monitoring service has it all. */
export interface ReportSources {
  readonly options: Readonly<ResolvedOptions>;
  readonly figures: Figures;
  getMetrics(window: WindowSeconds): PerformanceMetrics;
  getAlerts(): Alert[];
  getThresholds(): Thresholds;
}

/** Gathers the evidence and draws the findings. An adviser that fails is logged and left out: the rest of the report still stands. */
export async function buildReport(service: ReportSources, window: WindowSeconds): Promise<PerformanceReport> {
  const { clock, database, cache } = service.options;
  const metrics = service.getMetrics(window);
  const alerts = service.getAlerts();
  const findings = findingsFrom({
    metrics,
    thresholds: service.getThresholds(),
    queries: service.figures.queries.top(window, clock.monotonicMs(), MAX_QUERIES),
    pool: database?.poolStatus(),
    classes: cache?.classes?.() ?? [],
    advice: await adviceOf(service),
  });
  const to = clock.wallMs();
  return {
    summary: summarise(metrics.responseTime.count, findings, alerts.length),
    period: {
      from: new Date(to - metrics.coveredSeconds * 1000).toISOString(),
      to: new Date(to).toISOString(),
      windowSeconds: window,
    },
    metrics,
    alerts,
    findings,
    recommendations: [...new Set(findings.map((finding) => finding.action))],
  };
}

async function adviceOf(service: ReportSources): Promise<readonly QueryAdvice[]> {
  const { database, logger } = service.options;
  if (database?.analyze === undefined) return [];
  try {
    return (await database.analyze()).recommendations;
  } catch (error) {
    logger.warn(
      { error: error instanceof Error ? error.name : 'unknown' },
      'the database gave no advice for the report',
    );
    return [];
  }
}

function summarise(requests: number, findings: readonly Finding[], alerts: number): string {
  if (findings.length === 0 && alerts === 0) return `${requests} requests measured; nothing to report.`;
  const worst = findings[0];
  const first = worst === undefined ? '' : ` First: ${worst.title}.`;
  return `${requests} requests measured; ${findings.length} findings, ${alerts} open alerts.${first}`;
}
