/** One finished statement, as an instrumented database tells it. No parameter values. */
export interface QueryObservation {
  fingerprint: string;
  /** The statement with placeholders where values stood. */
  query?: string;
  name?: string;
  /** Time in the database, in ms. */
  durationMs: number;
  /** Time spent waiting for a connection, in ms. */
  waitMs?: number;
  rows?: number;
  /** An error's code, when the statement failed. */
  error?: unknown;
  endpoint?: string | undefined;
  correlationId?: string | undefined;
  /** What `currentRequest` gave when the statement began, if the database layer keeps it: its span then stands in that request's trace. */
  request?: unknown;
}

export interface PoolFigures {
  size: number;
  idle: number;
  active: number;
  waiting: number;
  /** Percent of the connections that are in use. */
  utilization: number;
}

/** A statement that took longer than the threshold. */
export interface SlowQuery {
  fingerprint: string;
  query: string;
  durationMs: number;
  at: string;
  endpoint?: string;
  correlationId?: string;
  plan?: unknown;
}

/** What an index or query adviser says. */
export interface QueryAdvice {
  kind: string;
  statement: string;
  reason: string;
  evidence: unknown;
  /** The statements that it helps. */
  fingerprints?: readonly string[];
}

/**
 * What the monitor reads from a database layer; every member but the first two is optional, and pages that need a missing
 * one say so. Members may answer at once or by promise.
 */
export interface DatabaseSource {
  /** Tells of every statement; the returned function ends it. Called synchronously, must not throw. */
  onQuery(listener: (observation: QueryObservation) => void): () => void;
  poolStatus(): PoolFigures;
  isHealthy?(): boolean | Promise<boolean>;
  /** Who answered the reads that a replica may answer, since the start; `primary` by the reason why it had to. Absent without replicas. */
  replicaReads?(): { readonly replica: number; readonly primary: Readonly<Record<string, number>> };
  /** The slowest recent statements with their plans, where captured. */
  slowQueries?(limit: number): readonly SlowQuery[] | Promise<readonly SlowQuery[]>;
  /** Everything known of one fingerprint: text, plan, advice; undefined when unknown. */
  queryDetail?(fingerprint: string): unknown;
  /** The plan of a statement in words, without values; undefined when it is unknown or cannot be planned. */
  planOf?(fingerprint: string): Promise<string | undefined>;
  analyze?(): Promise<{
    totalQueries: number;
    averageTime: number;
    slowQueries: readonly unknown[];
    recommendations: readonly QueryAdvice[];
  }>;
  /**
   * What the adviser would do, from all that is known and not only from what came since it was asked last; for the report.
   * `analyze` serves where there is none.
   */
  advise?(): Promise<readonly QueryAdvice[]>;
  /** Starts upkeep in the background. */
  startMaintenance?(): Promise<unknown>;
  maintenanceRuns?(): Promise<readonly unknown[]>;
  /** Told whenever the slow-query threshold changes. */
  setSlowQueryMs?(milliseconds: number): void;
}
