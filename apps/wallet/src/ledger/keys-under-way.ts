import type { Idempotency } from './operation.js';

/**
 * The idempotency keys of the requests that this process is at work on. A request that comes again meanwhile is told so at once, as the database
 * tells one that came to another process; in one batch with the first it could only make the whole batch fail.
 */
export class KeysUnderWay {
  private readonly held = new Set<string>();

  /** Runs `work` while the key is held, or answers `inFlight` when it is held already. */
  async hold<Value>({ principalId, key }: Idempotency, work: () => Promise<Value>, inFlight: Value): Promise<Value> {
    // The id's length is fixed, so no two pairs read alike.
    const name = principalId + key;
    if (this.held.has(name)) return inFlight;
    this.held.add(name);
    try {
      return await work();
    } finally {
      this.held.delete(name);
    }
  }
}
