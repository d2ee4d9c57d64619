/** Growing totals of a cache. They may start again at zero; a fall is read as such. */
export interface CacheCounters {
  hits: number;
  misses: number;
  sets: number;
  deletes: number;
  errors: number;
  evictions: number;
}

export interface CacheClassFigures {
  name: string;
  hits: number;
  misses: number;
  /** Percent. */
  hitRate: number;
  ttlSeconds: number;
  advice?: string;
}

/** What to make stale: one of the three. */
export type InvalidationTarget = { key: string } | { tag: string } | { pattern: string };

/** What the monitor reads from a cache. `@dunlin/cache`'s CacheService has the first two by these names. */
export interface CacheSource {
  getMetrics(): CacheCounters;
  isHealthy(): boolean | Promise<boolean>;
  /** One entry a tier, e.g. `{ name: 'memory', hits, entries }`. */
  tiers?(): readonly unknown[];
  classes?(): readonly CacheClassFigures[];
  invalidate?(target: InvalidationTarget, options: { dryRun: boolean }): Promise<number>;
}
