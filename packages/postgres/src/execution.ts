import type { Clock } from './clock.js';
import { columnTypes } from './column-types.js';
import { DatabaseError } from './errors.js';
import { requestCancel, type CancelTarget } from './pool/cancel-request.js';
import type { Connection } from './pool/connection.js';
import type { QueryOutcome } from './pool/pool-like.js';
import { asSent } from './queries/observer.js';
import {
  endsSession,
  isServerReport,
  isStalePreparedStatement,
  toDatabaseError,
  unconfirmedCommit,
  type InFlight,
} from './server-error.js';

/** One statement to be run on one connection. */
export interface Order {
  readonly text: string;
  readonly name: string | undefined;
  readonly values: readonly unknown[] | undefined;
  /** What is lost with the connection while it runs. */
  readonly inFlight: InFlight;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

export type Executed = (error: DatabaseError | undefined, outcome: QueryOutcome | undefined) => void;

/** How long the server has to end a statement that it was asked to stop, before its connection is torn down. */
const CANCEL_GRACE_MS = 2_000;

/**
 * Sends a statement and calls back exactly once, with its outcome or with a `DatabaseError`.
 *
 * The answer, the caller's signal, the deadline and the watchdog may all come at the same moment: the first to settle
 * wins. A statement that is stopped is not reported as stopped before the server says so, since until then it may
 * still take effect; only when the server stays silent for the grace time is the connection given up.
 */
export function execute(connection: Connection, order: Order, clock: Clock, sentAtMs: number, done: Executed): void {
  if (connection.broken !== undefined) return done(toDatabaseError(connection.broken, 'nothing'), undefined);
  if (order.signal?.aborted) return done(new DatabaseError('cancelled', 'The caller gave up'), undefined);
  let settled = false;
  const interruption = order.signal !== undefined || order.timeoutMs !== undefined ? new Interruption() : undefined;
  const settle = (error: unknown, outcome: QueryOutcome | undefined): void => {
    if (settled) return;
    settled = true;
    connection.sentAtMs = 0;
    connection.abandon = undefined;
    interruption?.disarm();
    if (error === undefined || error === null) {
      // Only what commits can be in doubt; a read that was told of nothing is as good as ever.
      if (connection.unconfirmed && order.inFlight === 'commits_by_itself') return done(unconfirmedCommit(), undefined);
      return done(undefined, outcome);
    }
    if (isServerReport(error) && isStalePreparedStatement(error)) connection.spent = true;
    // The last word of a session comes before its socket ends; whoever got the connection in between would lose what it never sent.
    if (!isServerReport(error) || endsSession(error)) connection.spent = true;
    done(interruption?.explain(error, order.inFlight) ?? toDatabaseError(error, order.inFlight), undefined);
  };
  connection.sentAtMs = sentAtMs;
  connection.unconfirmed = false;
  connection.abandon = (error) => settle(error, undefined);
  connection.client.query(
    { name: order.name, text: asSent(order.text), values: order.values as unknown[], types: columnTypes },
    (error, outcome) => settle(error, Array.isArray(outcome) ? (outcome.at(-1) as QueryOutcome) : outcome),
  );
  interruption?.arm(connection, order, clock);
}

/** The caller's wish to have a statement stopped, and what came of it. */
class Interruption {
  #reason: 'cancelled' | 'timeout' | undefined;
  #withdraw: (() => void)[] = [];

  arm(connection: Connection, order: Order, clock: Clock): void {
    const { signal, timeoutMs } = order;
    if (timeoutMs !== undefined) {
      this.#withdraw.push(clock.schedule(() => this.#stop('timeout', connection, clock), timeoutMs));
    }
    if (signal !== undefined) {
      const onAbort = (): void => this.#stop('cancelled', connection, clock);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#withdraw.push(() => signal.removeEventListener('abort', onAbort));
    }
  }

  disarm(): void {
    for (const withdraw of this.#withdraw) withdraw();
    this.#withdraw = [];
  }

  /** The error in the caller's words, when the statement ended because it was stopped; else undefined. */
  explain(error: unknown, inFlight: InFlight): DatabaseError | undefined {
    if (this.#reason === undefined) return undefined;
    const confirmed = isServerReport(error) && error.code === '57014';
    if (!confirmed && inFlight === 'commits_by_itself') return undefined;
    if (!confirmed && isServerReport(error)) return undefined;
    return this.#reason === 'timeout'
      ? new DatabaseError('timeout', 'The statement took longer than the caller allows and was stopped')
      : new DatabaseError('cancelled', 'The caller gave up and the statement was stopped');
  }

  #stop(reason: 'cancelled' | 'timeout', connection: Connection, clock: Clock): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    // The request names the session: arriving late it would stop the next statement, so there must not be one.
    connection.spent = true;
    void requestCancel(connection.client as CancelTarget, CANCEL_GRACE_MS);
    this.#withdraw.push(
      clock.schedule(
        () => connection.abandon?.(new Error('the server did not confirm the cancellation')),
        CANCEL_GRACE_MS,
      ),
    );
  }
}
