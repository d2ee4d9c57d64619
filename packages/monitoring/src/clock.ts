/** Time as this package sees it. Tests hand in a clock that they turn by hand. */
export interface Clock {
  /** Milliseconds that only ever grow, from an arbitrary origin; durations and windows are measured with it. */
  monotonicMs(): number;
  /** Milliseconds since 1970, for what people read and what several instances compare. */
  wallMs(): number;
  /** Calls back once after `delayMs`; the returned function cancels. A pending callback does not keep the process alive. */
  schedule(callback: () => void, delayMs: number): () => void;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
