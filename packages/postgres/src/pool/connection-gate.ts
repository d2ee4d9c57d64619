import type { Clock } from '../clock.js';
import { DatabaseError } from '../errors.js';
import { toDatabaseError } from '../server-error.js';
import { LogSketch } from '../queries/log-sketch.js';
import { Connection } from './connection.js';
import type { PoolClientLike, PoolLike } from './pool-like.js';
import { Deque } from './deque.js';

/** `nowMs` is the moment of the call, so that nobody along the way has to look at the clock again. */
export type Acquired = (error: DatabaseError | undefined, connection: Connection | undefined, nowMs: number) => void;

export interface GateOptions {
  readonly pool: PoolLike;
  readonly clock: Clock;
  /** How many connections may be out at once; it can be changed while running. */
  readonly limit: number;
  /** How long a caller may wait for one, in milliseconds. */
  readonly acquireTimeoutMs: number;
  /** How many callers may wait; the next one is refused at once. */
  readonly maxWaiting: number;
  /** How long a statement may go without an answer before its connection is torn down. */
  readonly answerTimeoutMs: number;
  /** True for a session with a server that is not the primary any more. */
  readonly isOutdated?: (client: PoolClientLike) => boolean;
}

/** Somebody who wants a connection: waiting in our queue, or for the driver's pool to open one. */
interface Claim {
  callback: Acquired | undefined;
  /** True once the driver's pool has been asked to open a connection for it: it then waits for the server, not for others. */
  isConnecting: boolean;
  readonly askedAtMs: number;
  /** Its own timer, while it waits for the driver; those in the queue share one. */
  withdrawTimer: (() => void) | undefined;
  readonly signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
}

const LONGEST_HANDOVER_CHAIN = 200;

/**
 * Decides who gets a connection next. It stands before the driver's pool because that one can neither forget a
 * waiter whose request was cancelled, nor bound its queue, nor be resized, nor tell how long anybody waited.
 *
 * A connection that is given back goes straight to the first waiter. Every waiter has a deadline and may carry a signal;
 * one that gave up while the driver was opening a connection for it leaves that connection to the next.
 */
export class ConnectionGate {
  readonly waitMs = new LogSketch();
  readonly useMs = new LogSketch();
  /** Since the start: claims that were refused because the queue was full or the deadline passed. */
  refused = 0;

  readonly #options: GateOptions;
  readonly #known = new Map<PoolClientLike, Connection>();
  readonly #queue = new Deque<Claim>();
  #limit: number;
  #out = 0;
  /** Claims that the driver's pool has not answered yet; its idle connections are promised to them first. */
  #connecting = 0;
  #waiting = 0;
  #closed = false;
  #watching = false;
  #withdrawQueueTimer: (() => void) | undefined;
  #drained: (() => void) | undefined;
  #lastEnded: (() => void) | undefined;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#limit = options.limit;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Connections that are out or being opened. */
  get active(): number {
    return this.#out;
  }

  /** Callers that wait for a connection to come free. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Changes how many may be out; what is out above a lower limit comes back in its own time. */
  setLimit(limit: number): void {
    this.#limit = limit;
    while (this.#out < this.#limit && this.#serveNext()) continue;
  }

  /**
   * Calls back with a connection, at once where the driver has one idle, or with the reason why there is none. `urgent`
   * passes the limit and the queue; for a look at the server that must not wait for those who may be waiting for it.
   */
  acquire(signal: AbortSignal | undefined, callback: Acquired, urgent = false): void {
    const askedAtMs = this.#options.clock.monotonicMs();
    if (this.#closed) return callback(closed(), undefined, askedAtMs);
    if (signal?.aborted) return callback(cancelledWhileWaiting(), undefined, askedAtMs);
    const room = urgent || this.#out < this.#limit;
    if (!room && this.#waiting >= this.#options.maxWaiting) {
      this.refused += 1;
      return callback(exhausted(`${this.#waiting} callers are waiting already`, this.#limit), undefined, askedAtMs);
    }
    const claim: Claim = {
      callback,
      isConnecting: false,
      askedAtMs,
      withdrawTimer: undefined,
      signal,
      onAbort: undefined,
    };
    // Only those may really wait who are not served by a connection that lies idle.
    const mayWait = !room || this.#options.pool.idleCount <= this.#connecting;
    if (mayWait && signal !== undefined) this.#heed(claim, signal);
    if (room) return this.#connect(claim, mayWait);
    this.#waiting += 1;
    this.#queue.push(claim);
    this.#boundTheQueue(this.#options.acquireTimeoutMs);
  }

  /** Gives a connection back; `destroy` ends the session instead of keeping it. */
  release(connection: Connection, destroy: boolean, nowMs: number = this.#options.clock.monotonicMs()): void {
    this.useMs.record(nowMs - connection.takenAtMs);
    const ends = destroy || connection.spent || connection.broken !== undefined;
    const mayHandOver = !ends && this.#out <= this.#limit && connection.handovers < LONGEST_HANDOVER_CHAIN;
    if (mayHandOver && this.#waiting > 0) {
      const claim = this.#takeWaiter();
      if (claim !== undefined) {
        connection.handovers += 1;
        return this.#grant(claim, connection, nowMs);
      }
    }
    this.#out -= 1;
    connection.handovers = 0;
    connection.giveBack(ends);
    if (this.#out < this.#limit) this.#serveNext();
    this.#tellDrained();
  }

  /** Ends every wait for an answer of the server, which is known to give none; the sessions end too. */
  abandonAll(why: string): void {
    for (const connection of this.#known.values()) {
      if (connection.sentAtMs === 0) continue;
      connection.spent = true;
      connection.abandon?.(new Error(why));
    }
  }

  /** Ends the sessions with a former primary when what runs there has ended; what waits in the queue gets none of them. */
  retireOutdated(): void {
    for (const [client, connection] of this.#known) {
      if (this.#options.isOutdated?.(client) === true) connection.spent = true;
    }
  }

  /** Refuses what waits and what comes, and resolves when everything that is out has come back or time is up. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed = true;
    for (let claim = this.#takeWaiter(); claim !== undefined; claim = this.#takeWaiter()) {
      this.#settle(claim, closed(), undefined, this.#options.clock.monotonicMs());
    }
    this.#withdrawQueueTimer?.();
    if (this.#out === 0) return;
    await new Promise<void>((resolve) => {
      const withdraw = this.#options.clock.schedule(resolve, timeoutMs);
      this.#drained = () => {
        withdraw();
        resolve();
      };
    });
  }

  /**
   * Resolves when the sessions have really ended, or time is up. The driver's pool calls itself ended when it has said
   * goodbye; the server may still count the session then.
   */
  async sessionsEnded(timeoutMs: number): Promise<void> {
    if (this.#known.size === 0) return;
    await new Promise<void>((resolve) => {
      const withdraw = this.#options.clock.schedule(resolve, timeoutMs);
      this.#lastEnded = () => {
        withdraw();
        resolve();
      };
    });
  }

  #connect(claim: Claim, mayWait: boolean): void {
    claim.isConnecting = true;
    if (mayWait) this.#boundTheWait(claim);
    this.#out += 1;
    this.#connecting += 1;
    this.#options.pool.connect((error, client, done) => {
      this.#connecting -= 1;
      if (error !== undefined && error !== null) {
        this.#out -= 1;
        this.#settle(claim, toDatabaseError(error, 'nothing'), undefined, this.#options.clock.monotonicMs());
        this.#serveNext();
        return this.#tellDrained();
      }
      const connection = this.#adopt(client as PoolClientLike);
      connection.giveBack = done;
      const nowMs = this.#options.clock.monotonicMs();
      if (claim.callback !== undefined) return this.#grant(claim, connection, nowMs);
      connection.takenAtMs = nowMs;
      this.release(connection, false, nowMs);
    });
  }

  #adopt(client: PoolClientLike): Connection {
    let connection = this.#known.get(client);
    if (connection === undefined) {
      connection = new Connection(client);
      this.#known.set(client, connection);
      client.on('end', () => {
        this.#known.delete(client);
        if (this.#known.size === 0) this.#lastEnded?.();
      });
      this.#watch();
    }
    return connection;
  }

  /**
   * Looks over the connections every so often, rather than arming a timer for every statement: a server that has
   * gone without a word (a cut cable, a frozen host) sends no error, and its statement would wait for ever.
   */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    const { clock, answerTimeoutMs } = this.#options;
    clock.schedule(
      () => {
        this.#watching = false;
        const oldestMs = clock.monotonicMs() - answerTimeoutMs;
        for (const connection of this.#known.values()) {
          if (connection.isUnhurried || connection.sentAtMs === 0 || connection.sentAtMs > oldestMs) continue;
          connection.spent = true;
          connection.abandon?.(new Error(`no answer from the server within ${answerTimeoutMs} ms`));
        }
        if (this.#known.size > 0) this.#watch();
      },
      Math.min(1_000, answerTimeoutMs / 2),
    );
  }

  #grant(claim: Claim, connection: Connection, nowMs: number): void {
    connection.takenAtMs = nowMs;
    this.waitMs.record(nowMs - claim.askedAtMs);
    this.#settle(claim, undefined, connection, nowMs);
  }

  #serveNext(): boolean {
    if (this.#out >= this.#limit) return false;
    const claim = this.#takeWaiter();
    if (claim === undefined) return false;
    this.#connect(claim, true);
    return true;
  }

  /** The first waiter that has not given up; those that have are dropped on the way. */
  #takeWaiter(): Claim | undefined {
    for (let claim = this.#queue.shift(); claim !== undefined; claim = this.#queue.shift()) {
      if (claim.callback === undefined) continue;
      this.#waiting -= 1;
      return claim;
    }
    return undefined;
  }

  /** For one that waits for the driver: what is left of its time. */
  #boundTheWait(claim: Claim): void {
    const { clock, acquireTimeoutMs } = this.#options;
    const leftMs = acquireTimeoutMs - (clock.monotonicMs() - claim.askedAtMs);
    claim.withdrawTimer = clock.schedule(
      () => {
        this.refused += 1;
        this.#giveUp(claim, notOpened(acquireTimeoutMs));
      },
      Math.max(0, leftMs),
    );
  }

  /** One timer for the whole queue: all wait equally long, so the first to come is the first whose time is up. */
  #boundTheQueue(delayMs: number): void {
    this.#withdrawQueueTimer ??= this.#options.clock.schedule(() => {
      this.#withdrawQueueTimer = undefined;
      this.#expireQueue();
    }, delayMs);
  }

  #expireQueue(): void {
    const { clock, acquireTimeoutMs } = this.#options;
    const oldestMs = clock.monotonicMs() - acquireTimeoutMs;
    for (let claim = this.#queue.peek(); claim !== undefined; claim = this.#queue.peek()) {
      if (claim.callback === undefined) {
        this.#queue.shift();
        continue;
      }
      if (claim.askedAtMs > oldestMs) return this.#boundTheQueue(claim.askedAtMs - oldestMs);
      this.refused += 1;
      this.#giveUp(claim, exhausted(`none came free within ${acquireTimeoutMs} ms`, this.#limit));
    }
  }

  #heed(claim: Claim, signal: AbortSignal): void {
    claim.onAbort = () => this.#giveUp(claim, cancelledWhileWaiting());
    signal.addEventListener('abort', claim.onAbort, { once: true });
  }

  #giveUp(claim: Claim, reason: DatabaseError): void {
    if (claim.callback === undefined) return;
    const nowMs = this.#options.clock.monotonicMs();
    this.waitMs.record(nowMs - claim.askedAtMs);
    if (this.#queue.remove(claim)) this.#waiting -= 1;
    this.#settle(claim, reason, undefined, nowMs);
  }

  #settle(claim: Claim, error: DatabaseError | undefined, connection: Connection | undefined, nowMs: number): void {
    const { callback } = claim;
    claim.callback = undefined;
    claim.withdrawTimer?.();
    if (claim.onAbort !== undefined) claim.signal?.removeEventListener('abort', claim.onAbort);
    if (callback !== undefined) callback(error, connection, nowMs);
  }

  #tellDrained(): void {
    if (this.#out === 0 && this.#drained !== undefined) this.#drained();
  }
}

function closed(): DatabaseError {
  return new DatabaseError('closed', 'The database object was closed');
}

function exhausted(why: string, limit: number): DatabaseError {
  return new DatabaseError('pool_exhausted', `No database connection: all ${limit} are in use, and ${why}`);
}

function notOpened(timeoutMs: number): DatabaseError {
  return new DatabaseError(
    'unavailable',
    `The database is not reachable: no connection could be opened within ${timeoutMs} ms`,
  );
}

function cancelledWhileWaiting(): DatabaseError {
  return new DatabaseError('cancelled', 'The caller gave up while waiting for a connection');
}
