import type { Database } from '../database.js';
import type { SlowQuery } from '../queries/slow-query.js';
import { StatementCounters } from '../queries/statement-counters.js';
import { adviseMissing, type AdvisorOptions } from './advisor.js';
import type { IndexRecommendation } from './recommendation.js';
import { readSchemaFacts } from './schema-facts.js';
import { judgeStandingIndexes } from './standing-indexes.js';
import { readWorkload, type WorkloadStatement } from './workload.js';

export interface QueryAnalysis {
  /** `server`: from pg_stat_statements, all clients; `process`: from this process alone. */
  readonly source: 'server' | 'process';
  readonly totalQueries: number;
  readonly averageTimeMs: number;
  /** The statements that took the most time in all, most first. */
  readonly topQueries: readonly {
    fingerprint: string;
    query: string;
    calls: number;
    totalMs: number;
    averageMs: number;
    rows: number;
  }[];
  readonly slowQueries: readonly SlowQuery[];
  readonly recommendations: readonly IndexRecommendation[];
  /** What could not be looked at, and why: missing privileges, most of the time. */
  readonly limitations: readonly string[];
}

export interface AnalysisOptions extends AdvisorOptions {
  /** An index that nothing has read for so long counts as unused; 604,800 (7 days). */
  unusedAfterSeconds?: number;
  topQueries?: number;
}

/** Looks at what the database is busy with and at its indexes, again and again; the server's counters are read by differences. */
export class QueryAnalyzer {
  readonly #database: Database;
  readonly #counters = new StatementCounters();

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Cost: some catalog queries and an EXPLAIN for each of the costliest statements, all of them read-only; nothing of the
   * application's own is executed.
   */
  async analyze(options: AnalysisOptions = {}): Promise<QueryAnalysis> {
    const schema = await readSchemaFacts(this.#database);
    const limitations: string[] = [];
    if (!schema.server.has_statement_counters) {
      limitations.push('pg_stat_statements is not installed: only the statements of this process are known.');
    }
    if (!schema.server.has_hypopg) limitations.push('HypoPG is not installed: what an index would save is estimated.');
    const workload = await readWorkload(
      this.#database,
      schema.server.has_statement_counters ? this.#counters : undefined,
    );
    const unread = [...schema.tables.values()].filter((table) => table.rows > 0).length === 0;
    if (unread) limitations.push('No table has statistics yet: run ANALYZE.');
    const { recommendations: missing, unread: scanning } = await adviseMissing(
      this.#database,
      workload,
      schema,
      options,
    );
    if (scanning.length > 0) {
      limitations.push(
        `${scanning.length} costly statements scan a table for a condition that this advisor does not read (OR, ILIKE, LIKE by a parameter or a leading wildcard, an expression that is not immutable): ` +
          `${scanning.slice(0, 5).join(', ')}. One index for each side of the OR, or one of pg_trgm's for the pattern, may serve them.`,
      );
    }
    return {
      source: workload.source,
      totalQueries: workload.totalQueries,
      averageTimeMs: workload.totalQueries === 0 ? 0 : workload.totalMs / workload.totalQueries,
      topQueries: workload.statements.slice(0, options.topQueries ?? 20).map(lineOf),
      slowQueries: this.#database.slowQueries(50),
      recommendations: [...missing, ...judgeStandingIndexes(schema, options.unusedAfterSeconds)],
      limitations,
    };
  }
}

function lineOf({ fingerprint, query, calls, totalMs, rows }: WorkloadStatement): QueryAnalysis['topQueries'][number] {
  return { fingerprint, query, calls, totalMs, averageMs: calls === 0 ? 0 : totalMs / calls, rows };
}
