import type { Database } from '../database.js';
import { sqlFile } from '../sql-file.js';

export interface CountedStatement {
  readonly query: string;
  readonly calls: number;
  readonly totalMs: number;
  readonly rows: number;
}

interface CounterRow {
  id: string;
  query: string;
  calls: number;
  total_ms: number;
  rows: number;
}

/**
 * Reads pg_stat_statements by differences and never resets it, since others read it too. A counter that is lower than
 * before was started anew (a restart, an eviction, somebody's reset): what it shows then is all since.
 */
export class StatementCounters {
  #before = new Map<string, CounterRow>();

  /** What was executed since the last call; at the first, since the server began to count. At most 500 statements. */
  async sinceLastLook(database: Database): Promise<CountedStatement[]> {
    const { rows } = await database.query<CounterRow>(sqlFile('statement-counters'));
    const changed = rows.flatMap((row) => this.#difference(row) ?? []);
    this.#before = new Map(rows.map((row) => [row.id, row]));
    return changed;
  }

  #difference(row: CounterRow): CountedStatement | undefined {
    const before = this.#before.get(row.id);
    const anew = before === undefined || row.calls < before.calls || row.total_ms < before.total_ms;
    const calls = anew ? row.calls : row.calls - before.calls;
    if (calls <= 0) return undefined;
    return {
      query: row.query,
      calls,
      totalMs: anew ? row.total_ms : row.total_ms - before.total_ms,
      rows: anew ? row.rows : row.rows - before.rows,
    };
  }
}
