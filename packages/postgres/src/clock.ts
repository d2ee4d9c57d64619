/** Time as this package sees it, so that a test can hold it in its hands. */
export interface Clock {
  /** Milliseconds from an arbitrary start that never goes backwards. */
  monotonicMs(): number;
  /** Milliseconds since 1970, as people and other machines know it; it may jump. */
  wallMs(): number;
  /** Calls back once after `delayMs`; the returned function withdraws the call. */
  schedule(callback: () => void, delayMs: number): () => void;
}

/** The machine's clock. Its timers keep no process alive: who waits for a query holds a socket, and that does. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Waits `delayMs`, or less when `signal` aborts; it resolves in both cases, and the caller looks at the signal. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const onAbort = (): void => {
      withdraw();
      resolve();
    };
    const withdraw = clock.schedule(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
