import { requestCounts } from '../metrics/request-figures.js';
import type { RequestRecorder } from '../metrics/request-recorder.js';
import { requestReading } from '../metrics/request-series.js';
import type { ResolvedOptions } from '../options.js';
import type { CacheRecorder } from '../sources/cache-recorder.js';
import type { SystemSampler } from '../system/system-sampler.js';
import type { OverviewPoint } from './overview-point.js';

/** The charts' step: as long as the finest slot of a window. */
export const STEP_MS = 5_000;
const STEPS_KEPT = 720;

interface Parts {
  requests: RequestRecorder;
  cache: CacheRecorder | undefined;
  system: SystemSampler;
}

/**
 * The last hour in steps of five seconds, each from what happened in it alone, so that a chart shows a spike where it was and
 * not smeared over a minute. Bounded: 720 points of a dozen numbers.
 */
export class OverviewSeries {
  readonly #options: ResolvedOptions;
  readonly #parts: Parts;
  readonly #reading = requestReading();
  readonly #points: OverviewPoint[] = [];
  #lastMs: number;

  constructor(options: ResolvedOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#lastMs = options.clock.monotonicMs();
  }

  /** Called once a second; adds a point when a step is over. */
  sample(nowMs: number): void {
    if (nowMs - this.#lastMs < STEP_MS) return;
    this.#points.push(this.#point(nowMs, nowMs - this.#lastMs));
    this.#lastMs = nowMs;
    if (this.#points.length > STEPS_KEPT) this.#points.shift();
  }

  newest(): OverviewPoint | undefined {
    return this.#points.at(-1);
  }

  /** Oldest first. */
  within(spanMs: number): OverviewPoint[] {
    const since = this.#options.clock.wallMs() - spanMs;
    return this.#points.filter((point) => Date.parse(point.at) >= since);
  }

  #point(nowMs: number, spanMs: number): OverviewPoint {
    const { requests, cache, system } = this.#parts;
    const reading = this.#reading;
    const known = requests.all.window.readLast(nowMs, reading);
    const counts = known ? requestCounts(reading) : undefined;
    const answered = counts === undefined ? 0 : counts.requests - counts.aborted;
    const timed = known && reading.sketch.count > 0;
    const quantile = (q: number): number | null => (timed ? reading.sketch.quantileMs(q) : null);
    const { hits, misses } = cache?.growthWithin(spanMs, nowMs) ?? { hits: 0, misses: 0 };
    return {
      at: new Date(this.#options.clock.wallMs()).toISOString(),
      requestsPerSecond: counts === undefined ? 0 : (1000 * counts.requests) / reading.coveredMs,
      p50: quantile(0.5),
      p95: quantile(0.95),
      p99: quantile(0.99),
      errorRate: answered === 0 || counts === undefined ? null : counts.errorRate,
      ...system.recent(spanMs, nowMs),
      poolUsage: this.#options.database?.poolStatus().utilization ?? null,
      cacheHitRate: hits + misses === 0 ? null : (100 * hits) / (hits + misses),
    };
  }
}
