import { CumulativeRing } from '../metrics/cumulative-ring.js';
import type { WindowSeconds } from '../metrics/sliding-window.js';
import type { CacheCounters, CacheSource } from './cache-source.js';

/** Percentages over a window; `lookups` tells how much they are worth. `evictionRate` is evictions per 100 stored entries. */
export interface CacheFigures {
  hitRate: number;
  missRate: number;
  evictionRate: number;
  lookups: number;
}

const NAMES = ['hits', 'misses', 'sets', 'deletes', 'errors', 'evictions'] as const satisfies (keyof CacheCounters)[];
const HOUR_OF_SECONDS = 3601;

/** Follows a cache's growing totals, once a second. A total that falls was reset: what it shows now is then the growth. */
export class CacheRecorder {
  readonly #source: CacheSource;
  readonly #ring = new CumulativeRing(NAMES.length, HOUR_OF_SECONDS);
  readonly #last = new Float64Array(NAMES.length);
  readonly #totals = new Float64Array(NAMES.length);

  constructor(source: CacheSource, nowMs: number) {
    this.#source = source;
    const now = source.getMetrics();
    NAMES.forEach((name, i) => (this.#last[i] = now[name]));
    this.#ring.push(nowMs, this.#totals);
  }

  sample(nowMs: number): void {
    this.#advance();
    this.#ring.push(nowMs, this.#totals);
  }

  /** Growth over the window, up to this very moment: what came since the last sample counts too. */
  growth(window: WindowSeconds, nowMs: number): CacheCounters {
    return this.growthWithin(window * 1000, nowMs);
  }

  /** The same over any time up to an hour. */
  growthWithin(spanMs: number, nowMs: number): CacheCounters {
    this.#advance();
    return counters(this.#ring.growth(spanMs, nowMs, this.#totals).totals);
  }

  figures(window: WindowSeconds, nowMs: number): CacheFigures {
    const { hits, misses, sets, evictions } = this.growth(window, nowMs);
    const lookups = hits + misses;
    return {
      hitRate: lookups === 0 ? 0 : (100 * hits) / lookups,
      missRate: lookups === 0 ? 0 : (100 * misses) / lookups,
      evictionRate: sets === 0 ? 0 : (100 * evictions) / sets,
      lookups,
    };
  }

  /** Since monitoring began, resets of the source notwithstanding. */
  lifetime(): CacheCounters {
    this.#advance();
    return counters(this.#totals);
  }

  #advance(): void {
    const now = this.#source.getMetrics();
    NAMES.forEach((name, i) => {
      const value = now[name];
      this.#totals[i]! += value >= this.#last[i]! ? value - this.#last[i]! : value;
      this.#last[i] = value;
    });
  }
}

function counters(row: Float64Array): CacheCounters {
  const [hits = 0, misses = 0, sets = 0, deletes = 0, errors = 0, evictions = 0] = row;
  return { hits, misses, sets, deletes, errors, evictions };
}
