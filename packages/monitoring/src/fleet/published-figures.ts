import type { WindowSeconds } from '../metrics/sliding-window.js';
import type { SystemFigures } from '../system/system-sampler.js';

/** A series as it travels: the encoded sketch in base64, and its counters. */
export interface PublishedSeries {
  sketch: string;
  counters: number[];
  coveredMs: number;
}

export interface PublishedEndpoint extends PublishedSeries {
  method: string;
  route: string;
}

export interface PublishedWindow {
  all: PublishedSeries;
  /** Not with every publication of the longer windows; the store keeps the last ones. */
  endpoints?: PublishedEndpoint[];
  queries: PublishedSeries;
  cache: { hits: number; misses: number; sets: number; evictions: number };
}

/** What one instance last said of itself. */
export interface PublishedFigures {
  instanceId: string;
  publishedAtMs: number;
  windows: Partial<Record<WindowSeconds, PublishedWindow>>;
  system: SystemFigures;
  poolUtilization: number;
}

/** Where instances leave their figures for each other. */
export interface FleetStore {
  /**
   * Overwrites what this instance said before, but for the endpoints of windows that come without: these stay as they were. Gives the number of other
   * instances that have published since `peersSince`.
   */
  publish(figures: PublishedFigures, peersSince: Date): Promise<number>;
  /** The number of other instances that have published since `since`; a read, for one that has nothing to say. */
  countPeers(instanceId: string, since: Date): Promise<number>;
  /** Everything published since `since`, the caller's own included. */
  readAll(since: Date): Promise<PublishedFigures[]>;
  /** Forgets instances that have said nothing since `before`. */
  prune(before: Date): Promise<void>;
}
