import type { Alert } from '../alerts/alert.js';
import type { ChannelStatus } from '../alerts/channel-queue.js';
import type { Thresholds } from '../alerts/thresholds.js';
import type { Figures } from '../figures.js';
import type { HistoryPoint } from '../history/history-store.js';
import type { WindowSeconds } from '../metrics/sliding-window.js';
import type { ResolvedOptions } from '../options.js';
import type { PerformanceMetrics } from '../performance-metrics.js';
import type { QueryAdvice } from '../sources/database-source.js';
import { planWithin } from '../sources/plan.js';
import type { Evidence } from './evidence.js';
import type { Finding, PerformanceReport } from './finding.js';
import { findingsFrom, fingerprintOf } from './findings.js';

const MAX_QUERIES = 100;
/** So many statements are planned for one report, the costliest ones. */
const MAX_PLANS = 10;
const TREND_MS = 24 * 3_600_000;

/** What a report is drawn from; the monitoring service has it all. */
export interface ReportSources {
  readonly options: Readonly<ResolvedOptions>;
  readonly figures: Figures;
  getMetrics(window: WindowSeconds): PerformanceMetrics;
  getAlerts(): Alert[];
  getThresholds(): Thresholds;
  getChannels(): ChannelStatus[];
}

/**
 * Gathers the evidence and draws the findings. What cannot be asked (an adviser that fails, a history that is away) is
 * logged and left out: the rest of the report still stands.
 */
export async function buildReport(
  service: ReportSources,
  window: WindowSeconds,
  readHistory: (() => Promise<HistoryPoint[]>) | undefined,
): Promise<PerformanceReport> {
  const { clock, database, cache } = service.options;
  const metrics = service.getMetrics(window);
  const alerts = service.getAlerts();
  const evidence: Evidence = {
    metrics,
    thresholds: service.getThresholds(),
    queries: service.figures.queries.top(window, clock.monotonicMs(), MAX_QUERIES),
    pool: database?.poolStatus(),
    classes: cache?.classes?.() ?? [],
    advice: await adviceOf(service),
    plans: new Map(),
    history: await historyOf(service, readHistory),
    channels: service.getChannels(),
  };
  const findings = findingsFrom({ ...evidence, plans: await plansFor(findingsFrom(evidence), service) });
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

async function plansFor(findings: readonly Finding[], service: ReportSources): Promise<Map<string, string>> {
  const { database, clock } = service.options;
  const wanted = [...new Set(findings.flatMap((finding) => fingerprintOf(finding) ?? []))].slice(0, MAX_PLANS);
  const plans = new Map<string, string>();
  for (const fingerprint of wanted) {
    const plan = await planWithin(database, fingerprint, clock);
    if (plan !== undefined) plans.set(fingerprint, plan);
  }
  return plans;
}

async function adviceOf(service: ReportSources): Promise<readonly QueryAdvice[]> {
  const { database, logger } = service.options;
  try {
    if (database?.advise !== undefined) return await database.advise();
    return (await database?.analyze?.())?.recommendations ?? [];
  } catch (error) {
    logger.warn({ error: nameOf(error) }, 'the database gave no advice for the report');
    return [];
  }
}

/** The last day of this very process: another one's memory is another matter. */
async function historyOf(
  service: ReportSources,
  read: (() => Promise<HistoryPoint[]>) | undefined,
): Promise<HistoryPoint[]> {
  const { clock, instanceId, logger } = service.options;
  const sinceMs = clock.wallMs() - TREND_MS;
  try {
    const points = (await read?.()) ?? [];
    return points.filter((point) => point.instanceId === instanceId && point.atMs >= sinceMs);
  } catch (error) {
    logger.warn({ error: nameOf(error) }, 'the report has no history');
    return [];
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}

function summarise(requests: number, findings: readonly Finding[], alerts: number): string {
  if (findings.length === 0 && alerts === 0) return `${requests} requests measured; nothing to report.`;
  const worst = findings[0];
  const first = worst === undefined ? '' : ` First: ${worst.title}.`;
  return `${requests} requests measured; ${findings.length} findings, ${alerts} open alerts.${first}`;
}
