import { pause } from './clock.js';
import { DatabaseError } from './errors.js';
import { execute } from './execution.js';
import type { ResolvedOptions } from './options.js';
import type { Connection } from './pool/connection.js';
import { ConnectionGate } from './pool/connection-gate.js';
import { createFinder, createOwnedPool } from './pool/owned-pool.js';
import type { PrimaryFinder } from './primary/primary-finder.js';
import type { PoolClientLike, PoolLike, QueryOutcome } from './pool/pool-like.js';
import type { Observer } from './queries/observer.js';
import { isStalePreparedStatement, type InFlight } from './server-error.js';
import type { Statement } from './statement.js';
import type { QueryOptions, Rows } from './transaction.js';
import type { AttemptSupport } from './transaction-attempts.js';

/** How long `close` waits for statements that are under way. */
const CLOSE_PATIENCE_MS = 10_000;
const GOODBYE_PATIENCE_MS = 2_000;

/** The way to one server: its pool, the gate before it, and the observation of every statement that takes it. */
export class Lane implements AttemptSupport {
  readonly pool: PoolLike;
  readonly gate: ConnectionGate;
  /** Undefined for a borrowed pool, which knows its server itself. */
  readonly finder: PrimaryFinder | undefined;
  readonly clock: ResolvedOptions['clock'];
  readonly logger: ResolvedOptions['logger'];
  readonly #options: ResolvedOptions;
  readonly #observer: Observer;
  /** The replica's name; undefined for the primary. */
  readonly #replica: string | undefined;
  readonly #stopHeeding: (() => void) | undefined;

  /** Opens nothing yet. */
  constructor(options: ResolvedOptions, observer: Observer, replica?: string) {
    this.#options = options;
    this.#observer = observer;
    this.#replica = replica;
    this.clock = options.clock;
    this.logger = options.logger;
    const finder = options.borrowedPool === undefined ? createFinder(options) : undefined;
    this.finder = finder;
    this.pool = options.borrowedPool ?? createOwnedPool(options, finder as PrimaryFinder);
    this.gate = new ConnectionGate({
      ...(finder === undefined ? {} : { isOutdated: (client: PoolClientLike) => finder.isOutdated(client) }),
      pool: this.pool,
      clock: options.clock,
      limit: options.poolSize,
      acquireTimeoutMs: options.acquireTimeoutMs,
      maxWaiting: options.maxWaiting,
      answerTimeoutMs: options.answerTimeoutMs,
    });
    this.#stopHeeding = finder === undefined ? undefined : options.fence?.onRaise(() => this.gate.retireOutdated());
  }

  get isBorrowed(): boolean {
    return this.#options.borrowedPool !== undefined;
  }

  /** What BEGIN sends along: settings that a session of our own has from its start. */
  get settingsOfTransaction(): string {
    const { directServers, idleInTransactionTimeoutMs } = this.#options;
    return directServers === undefined
      ? ''
      : `; SET LOCAL idle_in_transaction_session_timeout = ${idleInTransactionTimeoutMs}`;
  }

  /** Runs one statement on whatever connection comes free. */
  runAlone(
    statement: Statement | string,
    values: readonly unknown[] | undefined,
    options: QueryOptions | undefined,
  ): Promise<Rows<unknown>> {
    return new Promise((resolve, reject) => {
      const { clock } = this;
      const named = typeof statement !== 'string';
      const text = named ? statement.text : statement;
      const name = named ? statement.name : undefined;
      const context = this.#observer.currentContext();
      const askedAtMs = clock.monotonicMs();
      if (context?.correlationId !== undefined) this.#observer.requests.claim(context.correlationId);
      this.gate.acquire(options?.signal, (refusal, connection, sentAtMs) => {
        const waitMs = sentAtMs - askedAtMs;
        if (connection === undefined) {
          this.#observer.finish(text, name, waitMs, 0, 0, refusal, context, this.#replica);
          return reject(refusal);
        }
        const inFlight: InFlight = named && statement.readOnly ? 'read' : 'commits_by_itself';
        const run = (statementName: string | undefined): void =>
          execute(
            connection,
            { text, name: statementName, values, inFlight, timeoutMs: this.#limitOf(options), signal: options?.signal },
            clock,
            sentAtMs,
            (error, outcome) => {
              if (error !== undefined && statementName !== undefined && isStalePreparedStatement(error))
                return run(undefined);
              const left = leftATransactionOpen(connection);
              const endedAtMs = clock.monotonicMs();
              this.gate.release(connection, left, endedAtMs);
              const failure = error ?? (left ? openTransaction() : undefined);
              this.#observer.finish(
                text,
                name,
                waitMs,
                endedAtMs - sentAtMs,
                outcome?.rowCount ?? 0,
                failure,
                context,
                this.#replica,
              );
              if (failure !== undefined) return reject(failure);
              resolve({ rows: (outcome as QueryOutcome).rows, rowCount: outcome?.rowCount ?? 0 });
            },
          );
        run(this.#isPooled ? undefined : name);
      });
    });
  }

  /** Behind a pooler each statement may come to another session, which knows none of our prepared ones. */
  get #isPooled(): boolean {
    return this.#options.directServers !== undefined;
  }

  /** Behind a pooler the server has not been told of the statement's limit, so it is kept from here. */
  #limitOf(options: QueryOptions | undefined): number | undefined {
    const { statementTimeoutMs } = this.#options;
    return options?.timeoutMs ?? (this.#isPooled && statementTimeoutMs > 0 ? statementTimeoutMs : undefined);
  }

  /** Lends a connection; it must be given to `release`. One that is `urgent` is lent past the pool's limit. */
  acquire(signal: AbortSignal | undefined, urgent = false): Promise<{ connection: Connection; waitMs: number }> {
    const askedAtMs = this.clock.monotonicMs();
    return new Promise((resolve, reject) => {
      this.gate.acquire(
        signal,
        (refusal, connection, nowMs) => {
          if (connection === undefined) return reject(refusal as DatabaseError);
          resolve({ connection, waitMs: nowMs - askedAtMs });
        },
        urgent,
      );
    });
  }

  release(connection: Connection, destroy: boolean): void {
    this.gate.release(connection, destroy);
  }

  /** Runs a statement on a connection that was lent. */
  run(
    connection: Connection,
    statement: Statement | string,
    values: readonly unknown[] | undefined,
    options: QueryOptions | undefined,
    inFlight: InFlight,
    waitMs: number,
  ): Promise<QueryOutcome> {
    const { clock } = this;
    const named = typeof statement !== 'string';
    const text = named ? statement.text : statement;
    const name = named ? statement.name : undefined;
    const context = this.#observer.currentContext();
    const sentAtMs = clock.monotonicMs();
    return new Promise((resolve, reject) => {
      const limits = { timeoutMs: this.#limitOf(options), signal: options?.signal };
      const order = { text, name: this.#isPooled ? undefined : name, values, inFlight, ...limits };
      execute(connection, order, clock, sentAtMs, (error, outcome) => {
        const durationMs = clock.monotonicMs() - sentAtMs;
        const rows = outcome?.rowCount ?? 0;
        this.#observer.finish(text, name, waitMs, durationMs, rows, error, context, this.#replica);
        if (error !== undefined) return reject(error);
        resolve(outcome as QueryOutcome);
      });
    });
  }

  /** Lets what runs end (for up to 10 s), refuses the rest, and closes the pool unless it is borrowed. */
  async close(): Promise<void> {
    this.#stopHeeding?.();
    this.finder?.close();
    await this.gate.close(CLOSE_PATIENCE_MS);
    if (this.isBorrowed) return;
    // The driver's pool waits for its last client without a limit; a statement that outlived our patience must not hold us.
    const ended = this.pool.end().then(() => true);
    if (!(await Promise.race([ended, pause(this.clock, GOODBYE_PATIENCE_MS).then(() => false)]))) {
      this.logger.warn(
        { active: this.gate.active },
        'the connection pool was left while statements were still under way',
      );
    }
    await this.gate.sessionsEnded(GOODBYE_PATIENCE_MS);
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
