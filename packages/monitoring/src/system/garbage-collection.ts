import { PerformanceObserver } from 'node:perf_hooks';

/** Counts garbage collections and the time that they stopped the program. */
export class GarbageCollectionProbe {
  #observer: PerformanceObserver | undefined;
  collections = 0;
  pausedMs = 0;

  start(): void {
    if (this.#observer !== undefined) return;
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        this.collections += 1;
        this.pausedMs += entry.duration;
      }
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  stop(): void {
    this.#observer?.disconnect();
    this.#observer = undefined;
  }
}
