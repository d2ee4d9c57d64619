/** Time that never jumps; the default of whoever runs a loop is the system's. */
export interface LoopClock {
  monotonicMs(): number;
  /** Calls back once; the returned function calls it off. */
  schedule(callback: () => void, delayMs: number): () => void;
}

export const systemLoopClock: LoopClock = {
  monotonicMs: () => performance.now(),
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

export interface OpenLoopOptions {
  /** When requests are due, in ms from the start, in order. */
  readonly arrivals: Iterable<number>;
  /** Requests under way at once; what is due beyond them waits. */
  readonly mostInFlight: number;
  /** How many wait at once; what is due beyond them is never sent, and counted. */
  readonly mostWaiting: number;
  readonly clock: LoopClock;
  /** Sends one request and resolves when it has ended, in whatever way. Must not reject. Times are the clock's. */
  send(dueMs: number, sentMs: number): Promise<void>;
  onUnsent(dueMs: number): void;
  /** Aborting ends the arrivals; what is under way is waited for. */
  readonly signal: AbortSignal;
}

/**
 * Sends requests when they are due, whether or not earlier ones have been answered: an open loop. A closed loop waits for the slow answer
 * before it asks again, so it asks least when the server is slowest, and the waiting of those who would have come meanwhile is missing
 * from its figures ("coordinated omission", Gil Tene). Here `send` is told when the request was *due*, and whoever measures from then counts
 * that waiting too: for a slot, for a connection, and for this process itself.
 */
export function runOpenLoop(options: OpenLoopOptions): Promise<void> {
  return new Promise((resolve) => new OpenLoop(options, resolve).turn());
}

class OpenLoop {
  readonly #options: OpenLoopOptions;
  readonly #done: () => void;
  readonly #arrivals: Iterator<number>;
  readonly #startedMs: number;
  readonly #waiting: number[] = [];
  #next: IteratorResult<number>;
  #inFlight = 0;
  #callOff: (() => void) | undefined;

  constructor(options: OpenLoopOptions, done: () => void) {
    this.#options = options;
    this.#done = done;
    this.#arrivals = options.arrivals[Symbol.iterator]();
    this.#startedMs = options.clock.monotonicMs();
    this.#next = this.#arrivals.next();
    options.signal.addEventListener('abort', () => this.turn(), { once: true });
  }

  /** Everything that is due by now is sent, waits, or is counted; then the next arrival is awaited. */
  turn(): void {
    const { clock, signal, mostInFlight, mostWaiting, onUnsent } = this.#options;
    this.#callOff?.();
    this.#callOff = undefined;
    if (signal.aborted) this.#endArrivals();
    const nowMs = clock.monotonicMs();
    while (this.#next.done !== true && this.#startedMs + this.#next.value <= nowMs) {
      const dueMs = this.#startedMs + this.#next.value;
      if (this.#inFlight < mostInFlight) this.#launch(dueMs);
      else if (this.#waiting.length < mostWaiting) this.#waiting.push(dueMs);
      else onUnsent(dueMs);
      this.#next = this.#arrivals.next();
    }
    if (this.#next.done !== true) {
      const delayMs = Math.max(0, this.#startedMs + this.#next.value - clock.monotonicMs());
      this.#callOff = clock.schedule(() => this.turn(), delayMs);
    } else if (this.#inFlight === 0) this.#done();
  }

  #launch(dueMs: number): void {
    this.#inFlight += 1;
    void this.#options.send(dueMs, this.#options.clock.monotonicMs()).then(() => this.#landed());
  }

  #landed(): void {
    this.#inFlight -= 1;
    const dueMs = this.#waiting.shift();
    if (dueMs !== undefined) this.#launch(dueMs);
    else if (this.#next.done === true && this.#inFlight === 0) this.#done();
  }

  /** What waited at an interruption was due and is not sent: it is counted like what found no place to wait. */
  #endArrivals(): void {
    this.#next = { done: true, value: undefined };
    for (const dueMs of this.#waiting.splice(0)) this.#options.onUnsent(dueMs);
  }
}
