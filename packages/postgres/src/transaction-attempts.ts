import { pause, type Clock } from './clock.js';
import { DatabaseError } from './errors.js';
import type { Logger } from './logger.js';
import type { Connection } from './pool/connection.js';
import type { WalPosition } from './replicas/wal-position.js';
import type { InFlight } from './server-error.js';
import { INTERNAL } from './queries/observer.js';
import { isRetryable } from './server-error.js';
import type { Statement } from './statement.js';
import { Transaction, type QueryOptions } from './transaction.js';
import type { QueryOutcome } from './pool/pool-like.js';

export interface TransactionOptions {
  /** `read committed`, PostgreSQL's own default, when left out. */
  isolation?: 'read committed' | 'repeatable read' | 'serializable' | undefined;
  readOnly?: boolean | undefined;
  /** How often the work may run in all, when serialisation failures or deadlocks end it: 1 to 100; 5. */
  maxAttempts?: number | undefined;
  /** For all attempts together, waiting included. Not applied to a commit that is under way. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
  /** `allowed`: a replica may serve the whole of it, if one is current; it must be `readOnly`, and not serializable. */
  replica?: 'allowed' | undefined;
  /** What it must see at least, as `Database.position` gave it. */
  after?: WalPosition | undefined;
  /** @internal The package's own look at the database: left out of the application's figures. */
  internal?: boolean | undefined;
}

/** What the attempts need of the `Database` that they belong to. */
export interface AttemptSupport {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sent along with BEGIN, from the semicolon on. */
  readonly settingsOfTransaction: string;
  acquire(signal: AbortSignal | undefined): Promise<{ connection: Connection; waitMs: number }>;
  release(connection: Connection, destroy: boolean): void;
  run(
    connection: Connection,
    statement: Statement | string,
    values: readonly unknown[] | undefined,
    options: QueryOptions | undefined,
    inFlight: InFlight,
    waitMs: number,
  ): Promise<QueryOutcome>;
}

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 500;

/**
 * Runs work in a transaction, again and again while PostgreSQL ends it with a serialisation failure or a deadlock,
 * with a random pause that doubles, so that two transactions that met do not meet again in step.
 */
export async function runAttempts<T>(
  support: AttemptSupport,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const maxAttempts = options.maxAttempts ?? 5;
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1 || maxAttempts > 100) {
    throw new RangeError(`maxAttempts was given ${maxAttempts}; allowed: a whole number from 1 to 100`);
  }
  const bounds = new Bounds(support.clock, options);
  try {
    for (let attempt = 1; ; attempt += 1) {
      const ended = await runOnce(support, work, options, attempt, bounds);
      if (ended.kind === 'committed') return ended.value;
      if (ended.kind === 'failed') throw ended.error;
      if (attempt >= maxAttempts) throw exhausted(ended.error, attempt);
      const ceilingMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
      await pause(support.clock, Math.random() * ceilingMs, bounds.signal);
      bounds.check();
    }
  } finally {
    bounds.release();
  }
}

type Ended<T> =
  { kind: 'committed'; value: T } | { kind: 'failed'; error: unknown } | { kind: 'retryable'; error: DatabaseError };

async function runOnce<T>(
  support: AttemptSupport,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
  attempt: number,
  bounds: Bounds,
): Promise<Ended<T>> {
  const { connection, waitMs } = await support.acquire(bounds.signal).catch((error: unknown) => {
    bounds.check();
    throw error;
  });
  let destroy = false;
  const within = { signal: bounds.signal };
  const tx = new Transaction(attempt, (statement, values, own) => {
    const signal = own?.signal === undefined ? bounds.signal : AbortSignal.any([own.signal, ...bounds.signals]);
    return support
      .run(connection, statement, values, { signal, timeoutMs: own?.timeoutMs }, 'inside_transaction', 0)
      .then((outcome) => ({ rows: outcome.rows, rowCount: outcome.rowCount ?? 0 }));
  });
  try {
    await support.run(
      connection,
      beginText(options) + support.settingsOfTransaction,
      undefined,
      within,
      'nothing',
      waitMs,
    );
    const value = await bounds.race(work(tx));
    await Transaction.control.end(tx);
    const ended = await commit(support, connection, tx, options);
    if (ended !== undefined) return ended;
    await runHooks(support, tx, 'commit');
    return { kind: 'committed', value };
  } catch (error) {
    Transaction.control.cutOff(tx);
    destroy = !(await rollback(support, connection, bounds, markOf(options)));
    await runHooks(support, tx, 'rollback');
    const reason = bounds.reasonFor(error);
    if (Transaction.control.mayRetry(tx))
      return { kind: 'retryable', error: Transaction.control.failure(tx) as DatabaseError };
    return { kind: 'failed', error: reason };
  } finally {
    support.release(connection, destroy);
  }
}

/**
 * Commits; answers undefined when that is certain. PostgreSQL answers ROLLBACK to the COMMIT of a transaction in which
 * a statement failed, which is a failure however calmly it is said. A connection that is lost here leaves the
 * outcome unknown, and it is reported as exactly that.
 */
async function commit(
  support: AttemptSupport,
  connection: Connection,
  tx: Transaction,
  options: TransactionOptions,
): Promise<Ended<never> | undefined> {
  try {
    const inFlight: InFlight = options.readOnly === true ? 'read' : 'commits_by_itself';
    const outcome = await support.run(connection, `${markOf(options)}COMMIT`, undefined, undefined, inFlight, 0);
    if (outcome.command === 'COMMIT') return undefined;
    await runHooks(support, tx, 'rollback');
    const failure = Transaction.control.failure(tx);
    if (failure !== undefined && isRetryable(failure)) return { kind: 'retryable', error: failure };
    const message = 'The transaction was rolled back: one of its statements had failed and the work went on';
    return { kind: 'failed', error: new DatabaseError('rolled_back', message, {}, failure) };
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    await runHooks(support, tx, error.kind === 'outcome_unknown' ? 'unknown' : 'rollback');
    return isRetryable(error) ? { kind: 'retryable', error } : { kind: 'failed', error };
  }
}

/** True when the session is known to be outside the transaction again and fit for further use. */
async function rollback(
  support: AttemptSupport,
  connection: Connection,
  bounds: Bounds,
  mark: string,
): Promise<boolean> {
  // A statement that is still under way (the work was left behind) would be answered first, so the session goes.
  if (connection.spent || connection.broken !== undefined || connection.sentAtMs !== 0 || bounds.exceeded) return false;
  try {
    await support.run(connection, `${mark}ROLLBACK`, undefined, { timeoutMs: 5_000 }, 'nothing', 0);
    return true;
  } catch {
    // Ending the session rolls back as surely; the error that led here is the one that matters to the caller.
    return false;
  }
}

async function runHooks(
  support: AttemptSupport,
  tx: Transaction,
  outcome: 'commit' | 'rollback' | 'unknown',
): Promise<void> {
  for (const hook of Transaction.control.hooks(tx, outcome)) {
    try {
      await hook();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      support.logger.error({ outcome, reason }, 'a hook of a transaction failed after the transaction had ended');
    }
  }
}

function markOf(options: TransactionOptions): string {
  return options.internal === true ? `${INTERNAL} ` : '';
}

function beginText(options: TransactionOptions): string {
  const isolation = options.isolation === undefined ? '' : ` ISOLATION LEVEL ${options.isolation.toUpperCase()}`;
  return `${markOf(options)}BEGIN${isolation}${options.readOnly === true ? ' READ ONLY' : ''}`;
}

function exhausted(last: DatabaseError, attempts: number): DatabaseError {
  const message = `The transaction met a serialisation failure or deadlock in each of ${attempts} attempts`;
  const error = new DatabaseError('retries_exhausted', message, { code: last.code }, last);
  error.attempts = attempts;
  return error;
}

/** The caller's signal and deadline over all attempts, as one signal. */
class Bounds {
  readonly signal: AbortSignal | undefined;
  readonly signals: readonly AbortSignal[];
  readonly #callerSignal: AbortSignal | undefined;
  readonly #timeoutMs: number | undefined;
  #timedOut = false;
  #withdraw: () => void = () => undefined;

  constructor(clock: Clock, options: TransactionOptions) {
    this.#callerSignal = options.signal;
    this.#timeoutMs = options.timeoutMs;
    const signals = options.signal === undefined ? [] : [options.signal];
    if (options.timeoutMs !== undefined) {
      const deadline = new AbortController();
      this.#withdraw = clock.schedule(() => {
        this.#timedOut = true;
        deadline.abort();
      }, options.timeoutMs);
      signals.push(deadline.signal);
    }
    this.signals = signals;
    this.signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
  }

  get exceeded(): boolean {
    return this.signal?.aborted === true;
  }

  check(): void {
    if (this.exceeded) throw this.#error();
  }

  /** The work's value, or this bound's error when it comes first: work may wait for something that never comes. */
  race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    if (signal === undefined) return work;
    return new Promise<T>((resolve, reject) => {
      const onAbort = (): void => {
        // The statement under way settles first and says what became of it; this is for work that waits elsewhere.
        setImmediate(() => reject(this.#error()));
      };
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  /** What to tell the caller: its own bound when that was the cause, otherwise the error itself. */
  reasonFor(error: unknown): unknown {
    if (!this.exceeded || !(error instanceof DatabaseError)) return error;
    return error.kind === 'cancelled' || error.kind === 'timeout' || error.kind === 'unavailable'
      ? this.#error()
      : error;
  }

  release(): void {
    this.#withdraw();
  }

  #error(): DatabaseError {
    if (this.#timedOut && this.#callerSignal?.aborted !== true) {
      return new DatabaseError('timeout', `The transaction took longer than ${this.#timeoutMs} ms and was rolled back`);
    }
    return new DatabaseError('cancelled', 'The caller gave up and the transaction was rolled back');
  }
}
