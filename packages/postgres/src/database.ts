import { pause } from './clock.js';
import { DatabaseError } from './errors.js';
import { execute } from './execution.js';
import { Listener, type ListenOptions } from './listener.js';
import { checkSlowQueryMs, resolveOptions, type DatabaseOptions, type ResolvedOptions } from './options.js';
import type { Connection } from './pool/connection.js';
import { ConnectionGate } from './pool/connection-gate.js';
import { createOwnedPool } from './pool/owned-pool.js';
import type { PoolLike, QueryOutcome } from './pool/pool-like.js';
import { poolStatus, type PoolStatus } from './pool/pool-status.js';
import { INTERNAL, Observer } from './queries/observer.js';
import type { QueryListener } from './queries/query-event.js';
import type { RequestFinding } from './queries/request-watch.js';
import type { SlowQuery } from './queries/slow-query.js';
import type { StatementStatistics } from './queries/statement-record.js';
import { isStalePreparedStatement, type InFlight } from './server-error.js';
import type { Statement } from './statement.js';
import type { QueryOptions, Rows, Transaction } from './transaction.js';
import { runAttempts, type AttemptSupport, type TransactionOptions } from './transaction-attempts.js';

/** Runs a statement in a session of its own. */
export type Session = <Row = Record<string, unknown>>(
  statement: Statement | string,
  values?: readonly unknown[],
) => Promise<Rows<Row>>;

const SERVER_VERSION = `${INTERNAL} SELECT current_setting('server_version_num')::int AS version`;

/** How long `close` waits for statements that are under way. */
const CLOSE_PATIENCE_MS = 10_000;
const GOODBYE_PATIENCE_MS = 2_000;

/**
 * A PostgreSQL database: prepared statements, transactions that retry, notifications, and a record of every statement
 * by its fingerprint. A borrowed pool is never closed; one of its own is closed by `close`.
 */
export class Database {
  readonly #options: ResolvedOptions;
  readonly #pool: PoolLike;
  readonly #gate: ConnectionGate;
  readonly #observer: Observer;
  readonly #support: AttemptSupport;
  readonly #listener: Listener;
  #closing: Promise<void> | undefined;
  #serverVersion: number | undefined;

  /** Opens nothing yet; throws an `OptionError` that names what it cannot use. */
  constructor(options: DatabaseOptions) {
    this.#options = resolveOptions(options);
    const { clock, logger } = this.#options;
    this.#pool = this.#options.borrowedPool ?? createOwnedPool(this.#options);
    this.#gate = new ConnectionGate({
      pool: this.#pool,
      clock,
      limit: this.#options.poolSize,
      acquireTimeoutMs: this.#options.acquireTimeoutMs,
      maxWaiting: this.#options.maxWaiting,
      answerTimeoutMs: this.#options.answerTimeoutMs,
    });
    this.#observer = new Observer(this.#options);
    this.#listener = new Listener(this.#options);
    this.#support = {
      clock,
      logger,
      acquire: (signal) => this.#acquire(signal),
      release: (connection, destroy) => this.#gate.release(connection, destroy),
      run: (connection, statement, values, queryOptions, inFlight, waitMs) =>
        this.#runOn(connection, statement, values, queryOptions, inFlight, waitMs),
    };
  }

  /**
   * Runs one statement, in a transaction of its own, and gives its rows.
   *
   * Throws `DatabaseError`: `rejected` with the SQLSTATE in `code` when PostgreSQL refuses it, `timeout`, `cancelled`,
   * `pool_exhausted`, `unavailable`, and `outcome_unknown` when the connection is lost while it runs and the statement
   * was not declared `readOnly`. A text without values may hold several statements; the last one's rows are given.
   */
  async query<Row = Record<string, unknown>>(
    statement: Statement | string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<Rows<Row>> {
    try {
      return (await this.#runAlone(statement, values, options)) as Rows<Row>;
    } catch (error) {
      // The error was made where the socket was read; the trace that helps is the caller's.
      if (error instanceof Error) Error.captureStackTrace(error, this.query);
      throw error;
    }
  }

  /**
   * Runs `work` between BEGIN and COMMIT, anew when PostgreSQL ends it with a serialisation failure (40001) or a
   * deadlock (40P01). What the work throws rolls back and is thrown on. Take locks in a fixed order, and keep waits for
   * anything but this transaction out of the work: it holds a connection.
   *
   * Throws as `query` does, and `retries_exhausted`, `rolled_back`, and `outcome_unknown` for a commit in doubt.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return this.#observer.holding(() => runAttempts(this.#support, work, options));
  }

  /**
   * Receives what is sent with NOTIFY on `channel`, until the returned function is called. One connection serves all
   * channels; it is checked by a ping, opened anew when lost, and `onReconnect` tells that messages may have been missed.
   */
  listen(
    channel: string,
    onNotification: (payload: string) => void,
    options: ListenOptions = {},
  ): Promise<() => Promise<void>> {
    return this.#listener.listen(channel, onNotification, options);
  }

  /** Tells `listener` of every statement, right after it ended and in the same turn; returns how to stop. */
  onQuery(listener: QueryListener): () => void {
    return this.#observer.subscribe(listener);
  }

  /** How the connections are used, now and since the start. */
  poolStatus(): PoolStatus {
    return poolStatus(this.#pool, this.#gate, this.#options.borrowedPool !== undefined);
  }

  /** The statements that took the most time in all since the start, most first. */
  topQueries(limit = 20): StatementStatistics[] {
    return this.#observer.table.top(limit);
  }

  /** All statements together since the start, in milliseconds. */
  queryTotals(): { queryCount: number; averageMs: number; p95Ms: number; slowQueries: number } {
    const { total } = this.#observer.table;
    return {
      queryCount: total.count,
      averageMs: total.meanMs,
      p95Ms: total.quantile(0.95),
      slowQueries: this.#observer.slow.count,
    };
  }

  /** The last slow executions of this process, newest first; 200 are kept. */
  slowQueries(limit = 20): SlowQuery[] {
    return this.#observer.slow.recent(limit);
  }

  /** Patterns that only a whole request shows: a statement repeated in a loop, a second connection while one is held. */
  requestFindings(): RequestFinding[] {
    return this.#observer.requests.findings();
  }

  get slowQueryMs(): number {
    return this.#observer.slowQueryMs;
  }

  /** From how long on a statement counts as slow, from now on; 0.1 ms to a day. */
  setSlowQueryMs(thresholdMs: number): void {
    this.#observer.slowQueryMs = checkSlowQueryMs(thresholdMs);
  }

  /** Tells `listener` of every slow statement, right after it ended; returns how to stop. */
  onSlowQuery(listener: (slow: SlowQuery) => void): () => void {
    return this.#observer.slow.subscribe(listener);
  }

  /** The server's version as `server_version_num` has it (180001 is 18.1); asked once. */
  async serverVersion(): Promise<number> {
    if (this.#serverVersion === undefined) {
      const { rows } = await this.query<{ version: number }>(SERVER_VERSION);
      this.#serverVersion = rows[0]?.version ?? 0;
    }
    return this.#serverVersion;
  }

  /**
   * Runs work on one connection that is in no transaction, for what PostgreSQL refuses inside one (VACUUM, CREATE INDEX
   * CONCURRENTLY, session locks). The server's statement timeout is off for the session, which ends afterwards.
   */
  async session<T>(work: (run: Session) => Promise<T>): Promise<T> {
    const { connection } = await this.#acquire(undefined);
    const run: Session = async (statement, values) => {
      const outcome = await this.#runOn(connection, statement, values, undefined, 'commits_by_itself', 0);
      return { rows: outcome.rows as never[], rowCount: outcome.rowCount ?? 0 };
    };
    connection.isUnhurried = true;
    try {
      await run(`${INTERNAL} SET statement_timeout = 0`);
      return await work(run);
    } finally {
      connection.isUnhurried = false;
      // Session locks, settings and prepared statements go with the session, whatever the work left behind.
      this.#gate.release(connection, true);
    }
  }

  /** @internal What the diagnosing parts of this package see. */
  static readonly internals = {
    observer: (database: Database): Observer => database.#observer,
    gate: (database: Database): ConnectionGate => database.#gate,
    options: (database: Database): ResolvedOptions => database.#options,
  };

  /** Lets what runs end (for up to 10 s), refuses the rest, and closes what it opened. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAwake();
    return this.#closing;
  }

  /** Idle connections and our timers keep no process running; one that awaits this must not end in the middle of it. */
  async #closeAwake(): Promise<void> {
    const awake = setInterval(() => undefined, 60_000);
    try {
      await this.#shutDown();
    } finally {
      clearInterval(awake);
    }
  }

  async #shutDown(): Promise<void> {
    await this.#listener.close();
    await this.#gate.close(CLOSE_PATIENCE_MS);
    if (this.#options.borrowedPool !== undefined) return;
    // The driver's pool waits for its last client without a limit; a statement that outlived our patience must not hold us.
    const ended = this.#pool.end().then(() => true);
    const { clock, logger } = this.#options;
    if (!(await Promise.race([ended, pause(clock, GOODBYE_PATIENCE_MS).then(() => false)]))) {
      logger.warn({ active: this.#gate.active }, 'the connection pool was left while statements were still under way');
    }
    await this.#gate.sessionsEnded(GOODBYE_PATIENCE_MS);
  }

  #runAlone(
    statement: Statement | string,
    values: readonly unknown[] | undefined,
    options: QueryOptions | undefined,
  ): Promise<Rows<unknown>> {
    return new Promise((resolve, reject) => {
      const { clock } = this.#options;
      const named = typeof statement !== 'string';
      const text = named ? statement.text : statement;
      const name = named ? statement.name : undefined;
      const context = this.#observer.currentContext();
      const askedAtMs = clock.monotonicMs();
      if (context?.correlationId !== undefined) this.#observer.requests.claim(context.correlationId);
      this.#gate.acquire(options?.signal, (refusal, connection) => {
        const sentAtMs = clock.monotonicMs();
        const waitMs = sentAtMs - askedAtMs;
        if (connection === undefined) {
          this.#observer.finish(text, name, waitMs, 0, 0, refusal, context);
          return reject(refusal);
        }
        const inFlight: InFlight = named && statement.readOnly ? 'read' : 'commits_by_itself';
        const run = (statementName: string | undefined): void =>
          execute(
            connection,
            { text, name: statementName, values, inFlight, timeoutMs: options?.timeoutMs, signal: options?.signal },
            clock,
            (error, outcome) => {
              if (error !== undefined && statementName !== undefined && isStalePreparedStatement(error))
                return run(undefined);
              const left = leftATransactionOpen(connection);
              this.#gate.release(connection, left);
              const failure = error ?? (left ? openTransaction() : undefined);
              this.#observer.finish(
                text,
                name,
                waitMs,
                clock.monotonicMs() - sentAtMs,
                outcome?.rowCount ?? 0,
                failure,
                context,
              );
              if (failure !== undefined) return reject(failure);
              resolve({ rows: (outcome as QueryOutcome).rows, rowCount: outcome?.rowCount ?? 0 });
            },
          );
        run(name);
      });
    });
  }

  #acquire(signal: AbortSignal | undefined): Promise<{ connection: Connection; waitMs: number }> {
    const askedAtMs = this.#options.clock.monotonicMs();
    return new Promise((resolve, reject) => {
      this.#gate.acquire(signal, (refusal, connection) => {
        if (connection === undefined) return reject(refusal as DatabaseError);
        resolve({ connection, waitMs: this.#options.clock.monotonicMs() - askedAtMs });
      });
    });
  }

  #runOn(
    connection: Connection,
    statement: Statement | string,
    values: readonly unknown[] | undefined,
    options: QueryOptions | undefined,
    inFlight: InFlight,
    waitMs: number,
  ): Promise<QueryOutcome> {
    const { clock } = this.#options;
    const named = typeof statement !== 'string';
    const text = named ? statement.text : statement;
    const name = named ? statement.name : undefined;
    const context = this.#observer.currentContext();
    const sentAtMs = clock.monotonicMs();
    return new Promise((resolve, reject) => {
      const order = { text, name, values, inFlight, timeoutMs: options?.timeoutMs, signal: options?.signal };
      execute(connection, order, clock, (error, outcome) => {
        const durationMs = clock.monotonicMs() - sentAtMs;
        this.#observer.finish(text, name, waitMs, durationMs, outcome?.rowCount ?? 0, error, context);
        if (error !== undefined) return reject(error);
        resolve(outcome as QueryOutcome);
      });
    });
  }
}

/** A session must come back outside any transaction, or the next caller would work inside a stranger's. */
function leftATransactionOpen(connection: Connection): boolean {
  const status = connection.client.getTransactionStatus?.();
  return status === 'T' || status === 'E';
}

function openTransaction(): DatabaseError {
  return new DatabaseError(
    'rolled_back',
    'A statement outside `transaction` began one; it was rolled back with its session',
  );
}
