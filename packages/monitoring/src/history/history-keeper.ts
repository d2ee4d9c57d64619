import type { Figures } from '../figures.js';
import type { ResolvedOptions } from '../options.js';
import type { HistoryPoint, HistoryStore } from './history-store.js';

/** A point stands for so long. */
export const POINT_MS = 300_000;
export const KEEP_DAYS = 14;
const PRUNE_EVERY_POINTS = 12;
/** Fewer samples than this say nothing about a rate. */
const ENOUGH = 20;

/** Writes down every five minutes what the last five were like, and forgets what is older than two weeks. */
export class HistoryKeeper {
  readonly #options: ResolvedOptions;
  readonly #figures: Figures;
  readonly #store: HistoryStore;
  #lastMs: number;
  #points = 0;

  constructor(options: ResolvedOptions, figures: Figures, store: HistoryStore) {
    this.#options = options;
    this.#figures = figures;
    this.#store = store;
    this.#lastMs = options.clock.monotonicMs();
  }

  /** Called every second; does something every five minutes. */
  async tick(): Promise<void> {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#lastMs < POINT_MS) return;
    this.#lastMs = nowMs;
    await this.#store.add(this.#point());
    if (this.#points % PRUNE_EVERY_POINTS === 0)
      await this.#store.prune(new Date(clock.wallMs() - KEEP_DAYS * 86_400_000));
    this.#points += 1;
  }

  read(): Promise<HistoryPoint[]> {
    return this.#store.read(new Date(this.#options.clock.wallMs() - KEEP_DAYS * 86_400_000));
  }

  #point(): HistoryPoint {
    const { clock, instanceId, database } = this.#options;
    const metrics = this.#figures.metrics(300);
    const { count } = metrics.responseTime;
    const slowest = this.#figures.queries.figures(300, clock.monotonicMs()).slowestMs;
    return {
      instanceId,
      atMs: clock.wallMs(),
      requests: count,
      responseTimeP50: count < ENOUGH ? null : metrics.responseTime.p50,
      responseTimeP95: count < ENOUGH ? null : metrics.responseTime.p95,
      responseTimeP99: count < ENOUGH ? null : metrics.responseTime.p99,
      errorRate: count < ENOUGH ? null : metrics.errorRate.rate,
      cpuUsage: metrics.systemResources.cpuUsage,
      memoryUsage: metrics.systemResources.memoryUsage.percentage,
      eventLoopDelayMs: metrics.systemResources.eventLoop.delayP99Ms,
      poolUsage: database === undefined ? null : metrics.database.connectionPoolUsage,
      cacheHitRate: metrics.cache.lookups < ENOUGH ? null : metrics.cache.hitRate,
      slowestQueryMs: database === undefined ? null : slowest,
    };
  }
}
