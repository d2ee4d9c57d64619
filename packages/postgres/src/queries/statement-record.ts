import type { PlanTree } from './plan-tree.js';
import { LogSketch } from './log-sketch.js';
import type { Fingerprint } from './fingerprint.js';

/** What is known about all executions of one fingerprint since the process started. */
export class StatementRecord {
  readonly fingerprint: string;
  readonly query: string;
  readonly name: string | undefined;
  /**
   * One text of this shape as it was sent, for EXPLAIN alone: it may have values in it, so it leaves the process in
   * no report, log or table.
   */
  readonly sampleText: string | undefined;
  readonly durationMs = new LogSketch();
  waitSumMs = 0;
  rows = 0;
  errors = 0;
  slow = 0;
  lastEndpoint: string | undefined;
  /** The plan in words, once one was captured, and to be drawn. */
  plan: string | undefined;
  planTree: PlanTree | undefined;

  constructor(shape: Fingerprint, name: string | undefined, sampleText: string | undefined) {
    this.fingerprint = shape.id;
    this.query = shape.query;
    this.name = name;
    this.sampleText = sampleText;
  }
}

/** A line of the table of statements: times in milliseconds, within 1.6 % where they are quantiles. */
export interface StatementStatistics {
  readonly fingerprint: string;
  readonly query: string;
  readonly name: string | undefined;
  readonly count: number;
  readonly errors: number;
  readonly rows: number;
  readonly slow: number;
  readonly totalMs: number;
  readonly averageMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly averageWaitMs: number;
  readonly lastEndpoint: string | undefined;
  /** The plan in words, where one was captured because an execution was slow. */
  readonly plan: string | undefined;
  /** The same plan to be drawn. */
  readonly planTree: PlanTree | undefined;
}

export function statisticsOf(record: StatementRecord): StatementStatistics {
  const { durationMs: sketch } = record;
  return {
    fingerprint: record.fingerprint,
    query: record.query,
    name: record.name,
    count: sketch.count,
    errors: record.errors,
    rows: record.rows,
    slow: record.slow,
    totalMs: sketch.sumMs,
    averageMs: sketch.meanMs,
    p50Ms: sketch.quantile(0.5),
    p95Ms: sketch.quantile(0.95),
    p99Ms: sketch.quantile(0.99),
    maxMs: sketch.maxMs,
    averageWaitMs: sketch.count === 0 ? 0 : record.waitSumMs / sketch.count,
    lastEndpoint: record.lastEndpoint,
    plan: record.plan,
    planTree: record.planTree,
  };
}
