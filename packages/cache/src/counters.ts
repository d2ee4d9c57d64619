/** Which tier an event belongs to. */
export type TierName = 'memory' | 'redis';

/** Counts of one tier within one class, since the start or the last reset. */
export interface TierCounts {
  hits: number;
  misses: number;
  sets: number;
  deletes: number;
  errors: number;
  evictions: number;
  /** Bytes held now; 0 for Redis, which knows its own. */
  bytes: number;
}

/** How many gaps between one key's loads are kept for TTL advice. */
const keptLoads = 64;

/** Mutable figures of one key class. Plain numbers, so that counting on the hot path allocates nothing. */
export class ClassCounters {
  /** Lookups answered from any tier. */
  hits = 0;
  /** Lookups that no tier could answer. */
  misses = 0;
  /** Answers given after their ttl, as the class allows. */
  staleHits = 0;
  /** Callers that waited for a load begun by another. */
  joined = 0;
  /** Loads whose value was given to its callers but not kept, because something newer was known. */
  fenced = 0;
  /** Lookups that were spared a load because one had just failed. */
  backedOff = 0;
  loads = 0;
  loadErrors = 0;
  loadMsTotal = 0;
  invalidations = 0;
  /** Loads that came back equal to the value that had expired, and those that could be compared. */
  unchangedReloads = 0;
  comparedReloads = 0;
  readonly memory: TierCounts = emptyTier();
  readonly redis: TierCounts = emptyTier();
  private readonly loadMs = new Float64Array(keptLoads);

  /** One load that took `ms`. */
  observeLoad(ms: number): void {
    this.loadMs[this.loads % keptLoads] = ms;
    this.loads += 1;
    this.loadMsTotal += ms;
  }

  /** Median of the last loads in ms, or undefined before the first. */
  medianLoadMs(): number | undefined {
    const count = Math.min(this.loads, keptLoads);
    if (count === 0) return undefined;
    const sorted = this.loadMs.slice(0, count).sort();
    return sorted[count >> 1];
  }

  /** Starts over; bytes held are a level, not a count, and stay. */
  reset(): void {
    this.hits = this.misses = this.staleHits = this.joined = this.fenced = this.backedOff = 0;
    this.loads = this.loadErrors = this.loadMsTotal = this.invalidations = 0;
    this.unchangedReloads = this.comparedReloads = 0;
    for (const tier of [this.memory, this.redis]) {
      tier.hits = tier.misses = tier.sets = tier.deletes = tier.errors = tier.evictions = 0;
    }
  }
}

function emptyTier(): TierCounts {
  return { hits: 0, misses: 0, sets: 0, deletes: 0, errors: 0, evictions: 0, bytes: 0 };
}
