import type { Figures } from '../figures.js';
import type { WindowSeconds } from '../metrics/sliding-window.js';
import type { ResolvedOptions } from '../options.js';
import { GAUGE_FRESH_MS, isReadable, mergeFleet, publishWindow, type FleetMetrics } from './fleet-figures.js';
import type { FleetStore, PublishedFigures } from './published-figures.js';

/** The longer windows move slowly, so they travel only every so many publications. */
const LONG_WINDOWS_EVERY = 5;
const ALONE_EVERY = 5;
const KEEP_MS = 2 * 3_600_000;
const PRUNE_EVERY = 600;

/** Publishes this instance's figures once a second, and merges what all have published. */
export class FleetPublisher {
  readonly #options: ResolvedOptions;
  readonly #figures: Figures;
  readonly #store: FleetStore;
  #publications = 0;
  #peers = 0;
  #idleTicks = 0;

  constructor(options: ResolvedOptions, figures: Figures, store: FleetStore) {
    this.#options = options;
    this.#figures = figures;
    this.#store = store;
  }

  /** Called every second. Alone, an instance publishes only every fifth time, so that what it counted outlives it. */
  async publish(): Promise<void> {
    this.#idleTicks += 1;
    if (this.#peers === 0 && this.#publications > 0 && this.#idleTicks < ALONE_EVERY) return;
    this.#idleTicks = 0;
    const nowMs = this.#options.clock.wallMs();
    const long = this.#peers === 0 || this.#publications % LONG_WINDOWS_EVERY === 0;
    this.#peers = await this.#store.publish(
      this.#current(long ? [60, 300, 3600] : [60]),
      new Date(nowMs - GAUGE_FRESH_MS),
    );
    if (this.#publications % PRUNE_EVERY === 0) await this.#store.prune(new Date(nowMs - KEEP_MS));
    this.#publications += 1;
  }

  /** Own figures are read as they are now; the others' are at most a second old while they live. */
  async metrics(window: WindowSeconds): Promise<FleetMetrics> {
    const { clock, instanceId } = this.#options;
    const nowMs = clock.wallMs();
    const others = (await this.#store.readAll(new Date(nowMs - 3_600_000))).filter(
      (part) =>
        part.instanceId !== instanceId &&
        Object.values(part.windows).every((one) => isReadable(one.all) && isReadable(one.queries)),
    );
    return mergeFleet([this.#current([window]), ...others], window, nowMs, instanceId);
  }

  #current(wanted: readonly WindowSeconds[]): PublishedFigures {
    const { clock, instanceId, database } = this.#options;
    const nowMs = clock.monotonicMs();
    const windows: PublishedFigures['windows'] = {};
    for (const window of wanted) windows[window] = publishWindow(this.#figures, window, nowMs);
    return {
      instanceId,
      publishedAtMs: clock.wallMs(),
      windows,
      system: this.#figures.system.figures(60, nowMs),
      poolUtilization: database?.poolStatus().utilization ?? 0,
    };
  }
}
