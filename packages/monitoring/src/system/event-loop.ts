import { monitorEventLoopDelay, performance, type IntervalHistogram } from 'node:perf_hooks';
import type { LatencySketch } from '../metrics/latency-sketch.js';

const RESOLUTION_MS = 20;

/** Measures how late the event loop is and how busy. Holds a native timer from `start` to `stop`. */
export class EventLoopProbe {
  #delay: IntervalHistogram | undefined;

  start(): void {
    if (this.#delay !== undefined) return;
    this.#delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#delay.enable();
  }

  stop(): void {
    this.#delay?.disable();
    this.#delay = undefined;
  }

  /** Milliseconds that the loop has been busy and idle since the process began. */
  busyAndIdleMs(): { busyMs: number; idleMs: number } {
    const used = performance.eventLoopUtilization();
    return { busyMs: used.active, idleMs: used.idle };
  }

  /**
   * Moves the delays of the native histogram into `sketch` and empties it. The native histogram only tells percentiles,
   * so each step between two of them is entered with its upper value: what comes out is never below the truth.
   * Its timer's own interval is part of every value and is taken off.
   */
  drainDelays(sketch: LatencySketch): void {
    const delay = this.#delay;
    if (delay === undefined) return;
    const count = delay.count;
    let entered = 0;
    if (count > 0) {
      for (const [percentile, nanoseconds] of delay.percentiles) {
        const upTo = Math.min(count, Math.round((percentile / 100) * count));
        sketch.recordMany(Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS), upTo - entered);
        entered = Math.max(entered, upTo);
      }
    }
    delay.reset();
  }
}
