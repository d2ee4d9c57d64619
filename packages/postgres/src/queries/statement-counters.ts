import { Database } from '../database.js';
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

type Counted = Pick<CounterRow, 'calls' | 'total_ms' | 'rows'>;
type Counters = ReadonlyMap<string, Counted>;

/** How old a look must be before others are compared with it: what was asked in the last minute says little of what a database is busy with. */
const LEAST_SPAN_MS = 12 * 3_600_000;

/**
 * Reads pg_stat_statements by differences and never resets it, since others read it too. Two who look get the same: a look does not
 * change what the next one shows, but for the passing of time. A counter that is lower than before was started anew (a restart, an eviction,
 * somebody's reset): what it shows then is all since.
 */
export class StatementCounters {
  /** What looks are compared with. */
  #base: Counters = new Map();
  /** Takes the base's place when it is old enough. */
  #next: { readonly atMs: number; readonly counters: Counters } | undefined;

  /**
   * What was executed since the server began to count; from the first look that comes 12 hours after another on, since the newest look that
   * was 12 hours old when this was last settled. At most 500 statements.
   */
  async recently(database: Database): Promise<CountedStatement[]> {
    const atMs = Database.internals.options(database).clock.monotonicMs();
    const { rows } = await database.query<CounterRow>(sqlFile('statement-counters'));
    if (this.#next !== undefined && atMs - this.#next.atMs >= LEAST_SPAN_MS) {
      this.#base = this.#next.counters;
      this.#next = undefined;
    }
    this.#next ??= { atMs, counters: new Map(rows.map(({ id, query: _, ...counted }) => [id, counted])) };
    const base = this.#base;
    return rows.flatMap((row) => difference(row, base.get(row.id)) ?? []);
  }
}

function difference(row: CounterRow, before: Counted | undefined): CountedStatement | undefined {
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
