import type { Figures } from '../figures.js';
import { REQUEST_COUNTERS } from '../metrics/request-series.js';
import type { WindowSeconds } from '../metrics/sliding-window.js';
import type { ResolvedOptions } from '../options.js';
import { GAUGE_FRESH_MS, isReadable, mergeFleet, publishWindow, type FleetMetrics } from './fleet-figures.js';
import type { FleetStore, PublishedFigures } from './published-figures.js';

/** Figures by endpoint over the longer windows are many and move slowly: they travel only every so many publications. */
const LONG_ENDPOINTS_EVERY = 5;
/** An instance that is alone and has nothing new says so only every so many times, so that it stays alive in the others' eyes. */
const IDLE_EVERY = 7;
/** Below a second by what publishing itself may take. */
export const PUBLISH_MS = 750;
const KEEP_MS = 2 * 3_600_000;
const PRUNE_EVERY = 600;

/** Publishes this instance's figures, and merges what all have published. */
export class FleetPublisher {
  readonly #options: ResolvedOptions;
  readonly #figures: Figures;
  readonly #store: FleetStore;
  readonly #measured: <Answer>(work: () => Answer) => Answer;
  #publications = 0;
  #peers = 0;
  #idleTicks = 0;
  #publishedRequests = -1;

  /** `measured` runs the synchronous part, so that its cost is known. */
  constructor(
    options: ResolvedOptions,
    figures: Figures,
    store: FleetStore,
    measured: <Answer>(work: () => Answer) => Answer,
  ) {
    this.#measured = measured;
    this.#options = options;
    this.#figures = figures;
    this.#store = store;
  }

  /** Called every `PUBLISH_MS`, so that what others read is at most a second old. */
  async publish(): Promise<void> {
    const { all } = this.#figures.requests;
    const counter = REQUEST_COUNTERS.requests;
    const requests = all.window.lifetimeCounters[counter]! + all.window.openCounters[counter]!;
    const nowMs = this.#options.clock.wallMs();
    const peersSince = new Date(nowMs - GAUGE_FRESH_MS);
    this.#idleTicks += 1;
    if (this.#peers === 0 && requests === this.#publishedRequests && this.#idleTicks < IDLE_EVERY) {
      this.#peers = await this.#store.countPeers(this.#options.instanceId, peersSince);
      if (this.#peers === 0) return;
    }
    this.#idleTicks = 0;
    this.#publishedRequests = requests;
    const longEndpoints = this.#publications % LONG_ENDPOINTS_EVERY === 0;
    this.#peers = await this.#store.publish(
      this.#measured(() => this.#current([60, 300, 3600], longEndpoints)),
      peersSince,
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

  #current(wanted: readonly WindowSeconds[], longEndpoints = true): PublishedFigures {
    const { clock, instanceId, database } = this.#options;
    const nowMs = clock.monotonicMs();
    const windows: PublishedFigures['windows'] = {};
    for (const window of wanted) {
      windows[window] = publishWindow(this.#figures, window, nowMs, longEndpoints || window === 60);
    }
    return {
      instanceId,
      publishedAtMs: clock.wallMs(),
      windows,
      system: this.#figures.system.figures(60, nowMs),
      poolUtilization: database?.poolStatus().utilization ?? 0,
    };
  }
}
