import type { Clock } from './clock.js';

/** Runs `work` again and again, `intervalMs` after the last one ended; never two at once. `stop` waits for the running one. */
export class Periodic {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #work: () => Promise<void> | void;
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #stopped = true;

  /** `work` must not reject: it deals with its own failures. */
  constructor(clock: Clock, intervalMs: number, work: () => Promise<void> | void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#work = work;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#next();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
  }

  #next(): void {
    this.#cancel = this.#clock.schedule(() => {
      this.#running = Promise.resolve(this.#work()).finally(() => {
        if (!this.#stopped) this.#next();
      });
    }, this.#intervalMs);
  }
}
