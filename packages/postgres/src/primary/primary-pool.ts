import pg from 'pg';
import type { ConnectCallback, PoolClientLike, PoolLike } from '../pool/pool-like.js';
import type { PrimaryFinder } from './primary-finder.js';
import type { Server } from './server-list.js';

export interface PrimaryPoolOptions {
  readonly finder: PrimaryFinder;
  readonly configOf: (server: Server) => pg.ClientConfig;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly max: number;
  readonly onIdleError: (error: Error) => void;
}

/** A session that cannot be had is looked for once more, with whoever is the primary then. */
const MOST_ATTEMPTS = 2;

/**
 * The driver's pool, whose sessions are all with the primary. A session is opened with the server that the finder names and is
 * lent only after it was admitted; one that lay idle while another server was promoted is ended instead of being lent.
 */
export class PrimaryPool implements PoolLike {
  readonly #finder: PrimaryFinder;
  readonly #pool: pg.Pool;
  readonly #servers = new WeakMap<object, Server>();

  constructor({ finder, configOf, connectTimeoutMs, idleTimeoutMs, max, onIdleError }: PrimaryPoolOptions) {
    this.#finder = finder;
    const servers = this.#servers;
    // Told to the pool, the limit would cost a timer at every check-out, of idle connections too; the client needs it once.
    class PrimarySession extends pg.Client {
      constructor(given?: pg.ClientConfig) {
        const server = finder.latest;
        super({ ...given, ...configOf(server), connectionTimeoutMillis: connectTimeoutMs });
        servers.set(this, server);
      }
    }
    this.#pool = new pg.Pool({
      Client: PrimarySession as never,
      max,
      idleTimeoutMillis: idleTimeoutMs,
      // A process that has nothing left to do but idle connections may end.
      allowExitOnIdle: true,
      // The driver's pool waits for the promise and fails the check-out with its rejection; its types do not say so.
      onConnect: ((client: pg.Client) => this.#admit(client)) as never,
    });
    // An idle connection that breaks is replaced on the next demand; it is worth a line, not the process.
    this.#pool.on('error', onIdleError);
  }

  get totalCount(): number {
    return this.#pool.totalCount;
  }

  get idleCount(): number {
    return this.#pool.idleCount;
  }

  connect(callback: ConnectCallback): void {
    this.#connect(callback, 1);
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  #connect(callback: ConnectCallback, attempt: number): void {
    if (this.#finder.current !== undefined) return this.#lend(callback, attempt);
    this.#finder.find().then(
      () => this.#connect(callback, attempt),
      (error: Error) => callback(error, undefined, () => undefined),
    );
  }

  #lend(callback: ConnectCallback, attempt: number): void {
    const asked = this.#finder.latest;
    this.#pool.connect((error: Error | undefined, lent, done) => {
      if (error !== undefined && error !== null) {
        this.#finder.leave(asked);
        // A finder that has only one server has left none, so there is nothing to try.
        if (this.#finder.current !== undefined || attempt >= MOST_ATTEMPTS) return callback(error, undefined, done);
        return this.#connect(callback, attempt + 1);
      }
      const client = lent as unknown as PoolClientLike;
      if (!this.#finder.isOutdated(client)) return callback(undefined, client, done);
      done(true);
      this.#connect(callback, attempt);
    });
  }

  #admit(client: pg.Client): Promise<void> {
    return this.#finder.admit(client, this.#servers.get(client) as Server);
  }
}
