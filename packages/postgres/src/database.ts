import { OptionError } from './errors.js';
import { Lane } from './lane.js';
import { Listener, type ListenOptions } from './listener.js';
import {
  checkSlowQueryMs,
  directOptions,
  resolveOptions,
  type DatabaseOptions,
  type ResolvedOptions,
} from './options.js';
import type { ConnectionGate } from './pool/connection-gate.js';
import { poolStatus, type PoolStatus } from './pool/pool-status.js';
import { INTERNAL, Observer } from './queries/observer.js';
import type { QueryListener } from './queries/query-event.js';
import type { RequestFinding } from './queries/request-watch.js';
import type { SlowQuery } from './queries/slow-query.js';
import type { StatementStatistics } from './queries/statement-record.js';
import { openReplicas } from './replicas/open-replicas.js';
import type { ReplicaRouter } from './replicas/replica-router.js';
import type { ReplicaReads, ReplicaStatus } from './replicas/replica-status.js';
import type { ReplicaWatch } from './replicas/replica-watch.js';
import type { WalPosition } from './replicas/wal-position.js';
import type { Statement } from './statement.js';
import type { ReadOptions, Rows, Transaction } from './transaction.js';
import { runAttempts, type TransactionOptions } from './transaction-attempts.js';

/** Runs a statement in a session of its own. */
export type Session = <Row = Record<string, unknown>>(
  statement: Statement | string,
  values?: readonly unknown[],
) => Promise<Rows<Row>>;

const SERVER_VERSION = `${INTERNAL} SELECT current_setting('server_version_num')::int AS version`;

/**
 * A PostgreSQL database: prepared statements, transactions that retry, notifications, and a record of every statement
 * by its fingerprint. A borrowed pool is never closed; one of its own is closed by `close`.
 */
export class Database {
  readonly #options: ResolvedOptions;
  readonly #observer: Observer;
  readonly #primary: Lane;
  /** The primary too; past the pooler where there is one. */
  readonly #direct: Lane;
  readonly #watch: ReplicaWatch;
  readonly #router: ReplicaRouter;
  readonly #listener: Listener;
  #closing: Promise<void> | undefined;
  #serverVersion: number | undefined;

  /** Opens nothing yet; throws an `OptionError` that names what it cannot use. */
  constructor(options: DatabaseOptions) {
    this.#options = resolveOptions(options);
    this.#observer = new Observer(this.#options);
    this.#primary = new Lane(this.#options, this.#observer);
    const direct = directOptions(this.#options);
    this.#direct = direct === undefined ? this.#primary : new Lane(direct, this.#observer);
    const { watch, router } = openReplicas(this.#options, this.#primary, this.#observer);
    this.#watch = watch;
    this.#router = router;
    this.#listener = new Listener(direct ?? this.#options, this.#direct.finder);
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
    options?: ReadOptions,
  ): Promise<Rows<Row>> {
    try {
      if (options?.replica === 'allowed') {
        const routed = await this.#readFromReplica(statement, values, options);
        if (routed !== undefined) return routed as Rows<Row>;
      }
      return (await this.#primary.runAlone(statement, values, options)) as Rows<Row>;
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
    return this.#observer.holding(async () => {
      if (options.replica === 'allowed') {
        if (options.readOnly !== true || options.isolation === 'serializable') {
          throw new OptionError('replica', 'allowed', 'read-only transactions that are not serializable');
        }
        const routed = this.#hasReplicas ? await this.#router.transaction(this.#primary, work, options) : undefined;
        if (routed?.kind === 'answered') return routed.value;
      }
      return runAttempts(options.internal === true ? this.#direct : this.#primary, work, options);
    });
  }

  /**
   * Where the primary's log is now. A read that carries it as `after` shows every write that was acknowledged before this
   * call, whoever answers. Cost: one round trip to the primary; writes that turn synchronous_commit off for themselves are
   * not covered.
   */
  position(): Promise<WalPosition> {
    return this.#watch.position();
  }

  /**
   * The newest timeline that a server of ours was seen on; 0 before any was seen, and without a fence. Reads of two servers that are
   * compared with each other belong together only if it is the same before and after.
   */
  get timeline(): number {
    return this.#options.fence?.timeline ?? 0;
  }

  /** What is known of each replica, and how reads that allowed one were served. */
  replicaStatus(): { replicas: ReplicaStatus[]; reads: ReplicaReads } {
    return { replicas: this.#router.status(), reads: this.#router.reads() };
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
    return poolStatus(this.#primary.pool, this.#primary.gate, this.#primary.isBorrowed);
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
    const { connection } = await this.#direct.acquire(undefined);
    const run: Session = async (statement, values) => {
      const outcome = await this.#direct.run(connection, statement, values, undefined, 'commits_by_itself', 0);
      return { rows: outcome.rows as never[], rowCount: outcome.rowCount ?? 0 };
    };
    connection.isUnhurried = true;
    try {
      await run(`${INTERNAL} SET statement_timeout = 0`);
      return await work(run);
    } finally {
      connection.isUnhurried = false;
      // Session locks, settings and prepared statements go with the session, whatever the work left behind.
      this.#direct.release(connection, true);
    }
  }

  /** @internal What the diagnosing parts of this package see. */
  static readonly internals = {
    observer: (database: Database): Observer => database.#observer,
    gate: (database: Database): ConnectionGate => database.#primary.gate,
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
    await this.#router.close();
    await this.#primary.close();
    if (this.#direct !== this.#primary) await this.#direct.close();
  }

  get #hasReplicas(): boolean {
    return this.#options.replicas.length > 0;
  }

  /** The rows from a replica, or undefined when the primary has to give them. */
  async #readFromReplica(
    statement: Statement | string,
    values: readonly unknown[] | undefined,
    options: ReadOptions,
  ): Promise<Rows<unknown> | undefined> {
    if (typeof statement === 'string' || !statement.readOnly) {
      throw new OptionError('replica', 'allowed', 'statements that were declared readOnly');
    }
    if (!this.#hasReplicas) return undefined;
    const routed = await this.#router.query(statement, values, options);
    return routed.kind === 'answered' ? routed.value : undefined;
  }
}
