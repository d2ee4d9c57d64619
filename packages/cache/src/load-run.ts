import { CacheError } from './errors.js';
import type { LoadContext, Loader } from './lookup.js';
import { storeValue, type StoredValue } from './value.js';

/** A loaded value, ready to be kept; `stored` is undefined when the loader gave undefined. */
export interface Loaded {
  readonly stored: StoredValue | undefined;
  readonly version: number | undefined;
  /** Infinity where the loader set no cap. */
  readonly capTtlMs: number;
}

/** Who waits for a load. When the last one gives up, the load is told. */
export class Waiters {
  /** Made when a load first asks for its signal: most reads end before one is needed. */
  private controller: AbortController | undefined;
  private abandonedFor: unknown;
  private isAbandoned = false;
  private waiting = 0;

  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.isAbandoned) this.controller.abort(this.abandonedFor);
    }
    return this.controller.signal;
  }

  /** Waits for `outcome` until `signal` aborts. A wait without a signal never gives up. */
  async wait<T>(outcome: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    this.waiting += 1;
    try {
      return signal ? await abandonable(outcome, signal) : await outcome;
    } finally {
      this.waiting -= 1;
      if (this.waiting === 0 && signal?.aborted) this.abandon(signal.reason);
    }
  }

  private abandon(reason: unknown): void {
    this.isAbandoned = true;
    this.abandonedFor = reason;
    this.controller?.abort(reason);
  }
}

/** Runs `loader` once and takes a private copy of what it gives. */
export async function runLoader<T>(loader: Loader<T>, signal: AbortSignal): Promise<Loaded> {
  let version: number | undefined;
  let capTtlMs = Infinity;
  const context: LoadContext = {
    signal,
    setVersion(given) {
      if (!Number.isSafeInteger(given))
        throw new CacheError('cache_option_invalid', `version: ${given} is no whole number`);
      version = given;
    },
    capTtlSeconds(seconds) {
      if (Number.isNaN(seconds)) throw new CacheError('cache_option_invalid', 'capTtlSeconds: not a number');
      capTtlMs = Math.min(capTtlMs, seconds * 1000);
    },
  };
  const value = await loader(context);
  return { stored: value === undefined ? undefined : storeValue(value), version, capTtlMs };
}

function abandonable<T>(outcome: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(reasonOf(signal));
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(reasonOf(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted');
}
