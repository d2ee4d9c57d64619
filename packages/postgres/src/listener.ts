import pg from 'pg';
import { pause } from './clock.js';
import { DatabaseError } from './errors.js';
import type { ResolvedOptions } from './options.js';
import { clientConfig } from './pool/owned-pool.js';
import type { PrimaryFinder } from './primary/primary-finder.js';
import type { Server } from './primary/server-list.js';
import { toDatabaseError } from './server-error.js';

export interface ListenOptions {
  /** Called after the connection was lost and is back: what was sent in between is gone, so read the state anew. */
  onReconnect?: () => void;
  /** Called when the connection is lost, as soon as that is noticed: from here on nothing is heard. */
  onDisconnect?: () => void;
}

interface Subscription {
  readonly channel: string;
  readonly onNotification: (payload: string) => void;
  readonly options: ListenOptions;
}

type State =
  { kind: 'idle' } | { kind: 'connected'; session: pg.Client } | { kind: 'reconnecting' } | { kind: 'closed' };

const PING_EVERY_MS = 5_000;
const PING_PATIENCE_MS = 5_000;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/**
 * One session that listens to every channel that somebody asked for.
 *
 * A notification that is sent while the session is down is lost for good, so subscribers are told twice: when the
 * session is lost, and when it listens again. LISTEN is confirmed before `onReconnect` is called, therefore whatever
 * commits after that call is heard, and whatever committed before it is seen by a read that starts in it. A
 * connection that dies without a word is found by a ping.
 */
export class Listener {
  readonly #options: ResolvedOptions;
  readonly #finder: PrimaryFinder | undefined;
  readonly #stopHeeding: (() => void) | undefined;
  readonly #subscriptions = new Set<Subscription>();
  readonly #stopping = new AbortController();
  #state: State = { kind: 'idle' };
  #changes: Promise<unknown> = Promise.resolve();

  /** `finder` says where the primary is, unless a pool is borrowed. */
  constructor(options: ResolvedOptions, finder: PrimaryFinder | undefined) {
    this.#options = options;
    this.#finder = finder;
    this.#stopHeeding = options.fence?.onRaise(() => this.#leaveFormerPrimary());
  }

  /** Resolves once LISTEN is confirmed. Throws a `DatabaseError` when the first connection cannot be had. */
  async listen(
    channel: string,
    onNotification: (payload: string) => void,
    options: ListenOptions,
  ): Promise<() => Promise<void>> {
    const subscription: Subscription = { channel, onNotification, options };
    await this.#inTurn(() => this.#start(subscription));
    let stopped = false;
    return () => {
      if (stopped) return Promise.resolve();
      stopped = true;
      return this.#inTurn(() => this.#stop(subscription));
    };
  }

  async close(): Promise<void> {
    if (this.#state.kind === 'closed') return;
    const before = this.#state;
    this.#state = { kind: 'closed' };
    this.#stopHeeding?.();
    this.#stopping.abort();
    this.#subscriptions.clear();
    if (before.kind === 'connected') await before.session.end().catch(() => undefined);
    await this.#changes;
  }

  async #start(subscription: Subscription): Promise<void> {
    if (this.#state.kind === 'closed') throw new DatabaseError('closed', 'The database object was closed');
    if (this.#state.kind === 'idle') this.#adopt(await this.#connect());
    const first = !this.#hears(subscription.channel);
    this.#subscriptions.add(subscription);
    // While reconnecting, the channel is among those that the new session will listen to.
    if (!first || this.#state.kind !== 'connected') return;
    try {
      await this.#state.session.query(`LISTEN ${pg.escapeIdentifier(subscription.channel)}`);
    } catch (error) {
      this.#subscriptions.delete(subscription);
      throw toDatabaseError(error, 'nothing');
    }
  }

  async #stop(subscription: Subscription): Promise<void> {
    this.#subscriptions.delete(subscription);
    if (this.#state.kind !== 'connected') return;
    const { session } = this.#state;
    if (this.#subscriptions.size === 0) {
      this.#state = { kind: 'idle' };
      await session.end().catch(() => undefined);
    } else if (!this.#hears(subscription.channel)) {
      // A session that breaks here is replaced by one that does not listen to this channel, which is what was wanted.
      await session.query(`UNLISTEN ${pg.escapeIdentifier(subscription.channel)}`).catch(() => undefined);
    }
  }

  /** One change of the set of channels at a time, or a LISTEN and an UNLISTEN of one channel could pass each other. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#changes.then(change);
    this.#changes = turn.catch(() => undefined);
    return turn;
  }

  #hears(channel: string): boolean {
    for (const one of this.#subscriptions) if (one.channel === channel) return true;
    return false;
  }

  async #connect(): Promise<pg.Client> {
    const server = await this.#server();
    const session = new pg.Client(this.#sessionConfig(server));
    session.on('error', () => this.#lost(session));
    session.on('end', () => this.#lost(session));
    session.on('notification', ({ channel, payload }) => this.#deliver(channel, payload ?? ''));
    try {
      await session.connect();
      if (server !== undefined) await this.#finder?.admit(session, server);
      for (const channel of new Set([...this.#subscriptions].map((one) => one.channel))) {
        await session.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      }
      return session;
    } catch (error) {
      if (server !== undefined) this.#finder?.leave(server);
      await session.end().catch(() => undefined);
      throw toDatabaseError(error, 'nothing');
    }
  }

  async #server(): Promise<Server | undefined> {
    try {
      return await this.#finder?.find();
    } catch (error) {
      throw toDatabaseError(error, 'nothing');
    }
  }

  /** What is sent by writers on the new primary is not heard on the former one. */
  #leaveFormerPrimary(): void {
    if (this.#state.kind !== 'connected') return;
    if (this.#finder?.isOutdated(this.#state.session) === true) this.#lost(this.#state.session);
  }

  /** A borrowed `pg.Pool` knows how to connect; another kind of pool must say so by `connection`. */
  #sessionConfig(server: Server | undefined): pg.ClientConfig {
    const { borrowedPool, connectTimeoutMs } = this.#options;
    if (server !== undefined) {
      const bounds = { query_timeout: PING_PATIENCE_MS, connectionTimeoutMillis: connectTimeoutMs };
      return { ...clientConfig(this.#options, server), ...bounds };
    }
    const options = borrowedPool?.options as (pg.PoolConfig & { password?: string }) | undefined;
    if (options === undefined)
      throw new DatabaseError('unavailable', 'The borrowed pool does not say how to connect, so there is no listening');
    const { max: _max, min: _min, ...config } = options;
    return {
      ...config,
      // The driver hides the password from enumeration, not from being read.
      ...(options.password === undefined ? {} : { password: options.password }),
      keepAlive: true,
      query_timeout: PING_PATIENCE_MS,
      connectionTimeoutMillis: connectTimeoutMs,
    };
  }

  #adopt(session: pg.Client): void {
    this.#state = { kind: 'connected', session };
    this.#pingLater(session);
  }

  #pingLater(session: pg.Client): void {
    this.#options.clock.schedule(() => {
      if (this.#state.kind !== 'connected' || this.#state.session !== session) return;
      session.query('SELECT 1').then(
        () => this.#pingLater(session),
        () => this.#lost(session),
      );
    }, PING_EVERY_MS);
  }

  #deliver(channel: string, payload: string): void {
    for (const one of this.#subscriptions) {
      if (one.channel === channel) this.#guarded('onNotification', () => one.onNotification(payload));
    }
  }

  #lost(session: pg.Client): void {
    if (this.#state.kind !== 'connected' || this.#state.session !== session) return;
    this.#state = { kind: 'reconnecting' };
    this.#options.logger.warn(
      { channels: this.#subscriptions.size },
      'the connection that listens for notifications was lost',
    );
    void session.end().catch(() => undefined);
    for (const one of this.#subscriptions) this.#guarded('onDisconnect', () => one.options.onDisconnect?.());
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    for (let delayMs = FIRST_RETRY_MS; ; delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS)) {
      await pause(this.#options.clock, delayMs * (0.5 + Math.random() / 2), this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
      const done = await this.#inTurn(() => this.#tryAgain());
      if (done) return;
    }
  }

  async #tryAgain(): Promise<boolean> {
    if (this.#subscriptions.size === 0) {
      if (this.#state.kind === 'reconnecting') this.#state = { kind: 'idle' };
      return true;
    }
    try {
      const session = await this.#connect();
      if (this.#stopping.signal.aborted) {
        await session.end().catch(() => undefined);
        return true;
      }
      this.#adopt(session);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.logger.debug({ reason }, 'the connection that listens for notifications is not back yet');
      return false;
    }
    this.#options.logger.info({ channels: this.#subscriptions.size }, 'listening for notifications again');
    for (const one of this.#subscriptions) this.#guarded('onReconnect', () => one.options.onReconnect?.());
    return true;
  }

  /** A subscriber that throws must not end the session for the others. */
  #guarded(callback: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.logger.error({ callback, reason }, 'a subscriber to notifications threw');
    }
  }
}
