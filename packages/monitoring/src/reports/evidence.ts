import type { ChannelStatus } from '../alerts/channel-queue.js';
import type { Thresholds } from '../alerts/thresholds.js';
import type { HistoryPoint } from '../history/history-store.js';
import type { PerformanceMetrics } from '../performance-metrics.js';
import type { CacheClassFigures } from '../sources/cache-source.js';
import type { QueryFigures } from '../sources/database-recorder.js';
import type { PoolFigures, QueryAdvice } from '../sources/database-source.js';

/** What the findings are drawn from; nothing else is. */
export interface Evidence {
  metrics: PerformanceMetrics;
  thresholds: Thresholds;
  queries: readonly QueryFigures[];
  pool: PoolFigures | undefined;
  classes: readonly CacheClassFigures[];
  /** What the database's own adviser says; empty when it has none. */
  advice: readonly QueryAdvice[];
  /** Plans in words by fingerprint, of those statements that have one. */
  plans: ReadonlyMap<string, string>;
  /** The last day of this instance, oldest first. */
  history: readonly HistoryPoint[];
  channels: readonly ChannelStatus[];
}

/** A statement with its plan and what the adviser would do about it. */
export interface ExplainedStatement extends QueryFigures {
  plan?: string;
  advice?: QueryAdvice;
}

export function explained(query: QueryFigures, { plans, advice }: Evidence): ExplainedStatement {
  const plan = plans.get(query.fingerprint);
  const mended = adviceFor(query.fingerprint, advice);
  return { ...query, ...(plan === undefined ? {} : { plan }), ...(mended === undefined ? {} : { advice: mended }) };
}

/** An index that is missing helps a statement; one that is unused or double is no matter of it. */
export function adviceFor(fingerprint: string, advice: readonly QueryAdvice[]): QueryAdvice | undefined {
  return advice.find((one) => one.fingerprints?.includes(fingerprint));
}
