import { checkKey, type CacheCore } from './core.js';
import type { Entry } from './entry.js';
import type { CompiledClass } from './key-class.js';
import { handOut, type StoredValue } from './value.js';

/** A fresh value found without loading. */
export interface Found {
  readonly stored: StoredValue;
  readonly tier: 'memory' | 'redis';
  readonly ttlMs: number;
  readonly ageMs: number;
}

/** Reads that never load. */
export class ReadPath {
  constructor(private readonly core: CacheCore) {}

  /** Memory only, without waiting for anything: the hottest path there is. Counts a hit, and no miss. */
  inMemory(key: string, nowMs: number): Entry | undefined {
    const entry = this.core.servable(key, nowMs, 0);
    if (!entry) return undefined;
    entry.policy.counters.hits += 1;
    entry.policy.counters.memory.hits += 1;
    return entry;
  }

  /** In memory, then in Redis. @throws CacheError `cache_key_invalid`, at once */
  find(key: string): Promise<Found | undefined> {
    checkKey(key);
    const nowMs = this.core.clock.monotonicMs();
    const entry = this.inMemory(key, nowMs);
    if (!entry) return this.inShared(key, this.core.classes.of(key));
    return Promise.resolve({
      stored: entry.stored,
      tier: 'memory',
      ttlMs: entry.freshUntilMs - nowMs,
      ageMs: nowMs - entry.storedAtMs,
    });
  }

  async getMany<T>(keys: readonly string[]): Promise<(T | null)[]> {
    // Reads of one tick travel to Redis together, so this costs one round trip.
    const found = await Promise.all(keys.map((key) => this.find(key)));
    return found.map((one) => (one ? (handOut(one.stored) as T) : null));
  }

  /** Whole seconds of freshness left, rounded up; -2 when the key is in no tier, as Redis says it. */
  async ttlSeconds(key: string): Promise<number> {
    checkKey(key);
    const nowMs = this.core.clock.monotonicMs();
    const entry = this.core.servable(key, nowMs, 0);
    if (entry) return Math.ceil((entry.freshUntilMs - nowMs) / 1000);
    const shared = this.core.classes.of(key).inRedis ? this.core.shared : undefined;
    const read = shared ? await shared.read(key, undefined) : undefined;
    if (read?.kind !== 'hit' || read.freshForMs <= 0) return -2;
    return Math.max(1, Math.ceil((read.freshForMs - clockErrorMs) / 1000));
  }

  async exists(key: string): Promise<boolean> {
    return (await this.ttlSeconds(key)) > 0;
  }

  private inShared(key: string, policy: CompiledClass): Promise<Found | undefined> {
    const { counters } = policy;
    if (policy.inMemory) counters.memory.misses += 1;
    const shared = policy.inRedis ? this.core.shared : undefined;
    if (!shared) {
      counters.misses += 1;
      return Promise.resolve(undefined);
    }
    // Open while Redis answers, so that an invalidation meanwhile keeps the answer out of memory.
    const flight = policy.inMemory ? this.core.openFlight(key, noTags) : undefined;
    // A read of the shared tier never rejects.
    return shared.read(key, undefined).then((read) => {
      if (flight) this.core.flights.close(flight);
      if (read.kind !== 'hit' || read.freshForMs <= 0) {
        counters.misses += 1;
        return undefined;
      }
      counters.hits += 1;
      counters.redis.hits += 1;
      if (flight) this.core.promote(flight, policy, read);
      return { stored: read.stored, tier: 'redis', ttlMs: read.freshForMs, ageMs: read.ageMs };
    });
  }
}

const noTags: readonly string[] = [];

/** Redis's time is known here to within some milliseconds: rounded up with them, a value kept for a minute would have 61 seconds left. */
const clockErrorMs = 50;
