import { isUnconfirmedCommit } from '../server-error.js';
import type { PoolClientLike } from './pool-like.js';

/**
 * One session with the server, as this package keeps it: the driver's client, how to give it back, and what must be
 * known before it is used again. The same object comes back each time the pool hands out the same client.
 */
export class Connection {
  readonly client: PoolClientLike;
  /** Returns the client to its pool; set anew at each check-out, as the driver allows one call a check-out. */
  giveBack: (destroy?: Error | boolean) => void = () => undefined;
  /** The socket's error, when it broke while nobody was waiting for an answer. */
  broken: Error | undefined = undefined;
  /** True when the session must end with its present use: it was cancelled, or lost a prepared statement. */
  spent = false;
  /** When the statement that is under way was sent; 0 while there is none. The watchdog reads it. */
  sentAtMs = 0;
  /** True while its statement may take as long as it needs (VACUUM); the watchdog then leaves it alone. */
  isUnhurried = false;
  /** Ends the wait for an answer that does not come; set while a statement is under way. */
  abandon: ((error: Error) => void) | undefined = undefined;
  /** When the present use began, for the pool's figures. */
  takenAtMs = 0;
  /** True when the server said of the statement under way that its commit is kept, but no synchronous standby has confirmed it. */
  unconfirmed = false;
  /** On a replica: how far this session has seen the log replayed, in bytes. */
  replayed = 0n;
  /** How often it went from hand to hand without a stop in the pool, which alone can retire an old session. */
  handovers = 0;

  constructor(client: PoolClientLike) {
    this.client = client;
    // While a client is checked out its pool does not listen, and an `error` event without a listener ends the process.
    client.on('error', (error) => {
      this.broken = error;
    });
    client.on('notice', (notice) => {
      if (isUnconfirmedCommit(notice)) this.unconfirmed = true;
    });
  }
}
