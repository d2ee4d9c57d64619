import type { Clock } from '../clock.js';
import { Database } from '../database.js';
import { INTERNAL } from './observer.js';
import type { SlowQuery } from './slow-query.js';

/** Creates the table of the history; for a migration. Running it again changes nothing. */
export const slowQueryHistoryUp = `
CREATE TABLE IF NOT EXISTS dunlin_slow_queries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  fingerprint text NOT NULL,
  query text NOT NULL,
  duration_ms double precision NOT NULL,
  endpoint text,
  correlation_id text,
  plan text
);
CREATE INDEX IF NOT EXISTS dunlin_slow_queries_at ON dunlin_slow_queries (at);
COMMENT ON INDEX dunlin_slow_queries_at IS 'dunlin: keep';
`;

export const slowQueryHistoryDown = 'DROP TABLE IF EXISTS dunlin_slow_queries;';

export interface SlowQueryHistoryOptions {
  /** How many lines are kept in all, of every instance together; 10,000. */
  maxRows?: number;
  /** How often what was collected is written; 5,000. */
  flushEveryMs?: number;
}

const MOST_WAITING = 500;
const WRITE = `${INTERNAL}
  INSERT INTO dunlin_slow_queries (at, fingerprint, query, duration_ms, endpoint, correlation_id, plan)
  SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::text[], $7::text[])`;
// Ids have gaps, which makes the bound an upper one: never more than $1 lines stay.
const PRUNE = `${INTERNAL}
  DELETE FROM dunlin_slow_queries WHERE id <= (SELECT max(id) FROM dunlin_slow_queries) - $1::bigint`;
const READ = `${INTERNAL}
  SELECT fingerprint, query, duration_ms AS "durationMs", to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at,
         endpoint, correlation_id AS "correlationId", plan
    FROM dunlin_slow_queries WHERE at >= $1 ORDER BY at DESC, id DESC LIMIT $2`;

/**
 * Keeps slow statements in the database, beside the traffic, in batches. While the database does not take them, the
 * newest 500 wait; how many were lost is counted in `dropped`.
 */
export class SlowQueryHistory {
  /** Slow statements that found no room while they waited to be written. */
  dropped = 0;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #maxRows: number;
  readonly #flushEveryMs: number;
  readonly #unsubscribe: () => void;
  #waiting: SlowQuery[] = [];
  #withdraw: (() => void) | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(database: Database, options: SlowQueryHistoryOptions = {}) {
    this.#database = database;
    this.#clock = Database.internals.options(database).clock;
    this.#maxRows = options.maxRows ?? 10_000;
    this.#flushEveryMs = options.flushEveryMs ?? 5_000;
    this.#unsubscribe = database.onSlowQuery((slow) => this.#note(slow));
  }

  /** Slow statements of all instances, newest first, `limit` at most. */
  async recent(limit: number, since: Date = new Date(0)): Promise<SlowQuery[]> {
    const { rows } = await this.#database.query<SlowQuery>(READ, [since, limit]);
    return rows;
  }

  /** Writes what waits, now. Throws when the database does not take it; what waited still waits then. */
  flush(): Promise<void> {
    const turn = this.#flushing.then(() => this.#write());
    this.#flushing = turn.catch(() => undefined);
    return turn;
  }

  /** Stops collecting and writes what waits; what cannot be written is logged as lost. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#unsubscribe();
    this.#withdraw?.();
    await this.#flushOrWarn();
  }

  #note(slow: SlowQuery): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#waiting.shift();
      this.dropped += 1;
    }
    this.#waiting.push(slow);
    this.#withdraw ??= this.#clock.schedule(() => {
      this.#withdraw = undefined;
      void this.#flushOrWarn();
    }, this.#flushEveryMs);
  }

  async #flushOrWarn(): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const { logger } = Database.internals.options(this.#database);
      logger.warn(
        { reason, waiting: this.#waiting.length, dropped: this.dropped },
        'slow statements could not be written to their history',
      );
    }
  }

  async #write(): Promise<void> {
    const batch = this.#waiting;
    if (batch.length === 0) return;
    this.#waiting = [];
    const plans = new Map(this.#database.slowQueries(200).map((slow) => [slow.fingerprint, slow.plan]));
    const column = (read: (slow: SlowQuery) => unknown): unknown[] => batch.map((slow) => read(slow) ?? null);
    try {
      await this.#database.query(WRITE, [
        column((slow) => slow.at),
        column((slow) => slow.fingerprint),
        column((slow) => slow.query),
        column((slow) => slow.durationMs),
        column((slow) => slow.endpoint),
        column((slow) => slow.correlationId),
        column((slow) => slow.plan ?? plans.get(slow.fingerprint)),
      ]);
    } catch (error) {
      this.#waiting = [...batch, ...this.#waiting].slice(-MOST_WAITING);
      throw error;
    }
    await this.#database.query(PRUNE, [this.#maxRows]);
  }
}
