/** What a loader may say about the value that it loads. */
export interface LoadContext {
  /** Aborted when every caller that waits for this load has gone. */
  readonly signal: AbortSignal;
  /** The data's own version (an account's counter): a value of a lower version never replaces one of a higher. */
  setVersion(version: number): void;
  /** The value is good for at most this long, whatever the class says; 0 or less: do not keep it. */
  capTtlSeconds(seconds: number): void;
}

/** Loads the value from where it is true. `undefined` is given back and not kept; `null` is a value and kept. */
export type Loader<T> = (context: LoadContext) => Promise<T> | T;

export interface LookupOptions {
  /** Name of a declared class, instead of the one whose pattern matches the key. */
  readonly policy?: string;
  /** Instead of the class's ttl. */
  readonly ttlSeconds?: number;
  /** Names under which the value can be removed with others; at most 32. */
  readonly tags?: readonly string[];
  /** Ends this caller's wait; the load goes on for the others. */
  readonly signal?: AbortSignal;
  /** Load in any case, and keep what comes. Default false. */
  readonly skipCache?: boolean;
  /**
   * Whether a stale value may be served, where the class allows: `true`, while a load runs in the background; `while-loading`, while
   * another caller's load runs, and the first caller waits for its own; `false`, not at all. Default true.
   */
  readonly allowStale?: boolean | 'while-loading';
  /**
   * Whether this caller takes the error of a load that failed a moment ago for its own (`retryAfterErrorMs` of the class). False: it
   * loads at once, unless a stale value may stand in. Default true.
   */
  readonly shareErrors?: boolean;
}

/** A value and how it came, enough for a `Cache-Status` field. */
export interface Lookup<T> {
  readonly value: T;
  /** `hit`: fresh from a tier; `stale`: past its ttl, as the class allows; `joined`: another's load; `miss`: loaded; `bypass`: loaded, the cache may not answer now. */
  readonly outcome: 'hit' | 'stale' | 'joined' | 'miss' | 'bypass';
  readonly tier: 'memory' | 'redis' | 'loader';
  /** Remaining freshness; 0 or less when it is stale or was not kept. */
  readonly ttlSeconds: number;
  /** Time since the value was loaded, as far as known. */
  readonly ageSeconds: number;
  /** Whether any tier keeps the value now. */
  readonly stored: boolean;
}
