import { REQUEST_COUNTERS, type RequestSeries } from '../metrics/request-series.js';
import type { BudgetReading } from './burn-rate.js';

const MINUTE_MS = 60_000;
/** Six hours, and the minute that is running. */
const MINUTES = 361;

/** One endpoint's answers and failures by minute: 2.9 KB. */
class MinuteRing {
  readonly #answered = new Uint32Array(MINUTES);
  readonly #failed = new Uint32Array(MINUTES);
  #minute: number;
  #answeredTotal = 0;
  #failedTotal = 0;

  constructor(minute: number) {
    this.#minute = minute;
  }

  /** Puts what came since the last call into the minute that is running. */
  advance(minute: number, answeredTotal: number, failedTotal: number): void {
    const passed = Math.min(MINUTES, minute - this.#minute);
    for (let step = 1; step <= passed; step += 1) {
      const place = (this.#minute + step) % MINUTES;
      this.#answered[place] = 0;
      this.#failed[place] = 0;
    }
    this.#minute = minute;
    const place = minute % MINUTES;
    this.#answered[place]! += answeredTotal - this.#answeredTotal;
    this.#failed[place]! += failedTotal - this.#failedTotal;
    this.#answeredTotal = answeredTotal;
    this.#failedTotal = failedTotal;
  }

  addTo(reading: BudgetReading, minutes: number): void {
    for (let age = 0; age <= Math.min(minutes, MINUTES - 1); age += 1) {
      const place = (this.#minute - age + 2 * MINUTES) % MINUTES;
      reading.answered += this.#answered[place]!;
      reading.failed += this.#failed[place]!;
    }
  }
}

/**
 * What each endpoint answered and failed by minute over six hours, for the burning of error budgets: more than the windows
 * of the figures reach back. Read from the growing totals once a second, so a request pays nothing for it.
 */
export class BudgetRecorder {
  readonly #rings = new Map<RequestSeries, MinuteRing>();

  sample(endpoints: readonly RequestSeries[], nowMs: number): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    for (const series of endpoints) {
      let ring = this.#rings.get(series);
      if (ring === undefined) this.#rings.set(series, (ring = new MinuteRing(minute)));
      const total = (counter: number): number =>
        series.window.lifetimeCounters[counter]! + series.window.openCounters[counter]!;
      const answered = total(REQUEST_COUNTERS.requests) - total(REQUEST_COUNTERS.aborted);
      ring.advance(minute, answered, total(REQUEST_COUNTERS.serverErrors));
    }
  }

  /** The window may reach back up to a minute further than its name. `sample` first: what came since is not in it. */
  read(concerned: (endpoint: string) => boolean, windowSeconds: number): BudgetReading {
    const reading = { answered: 0, failed: 0 };
    for (const [series, ring] of this.#rings) {
      if (concerned(`${series.method} ${series.route}`)) ring.addTo(reading, windowSeconds / 60);
    }
    return reading;
  }
}
