import type { Clock } from './clock.js';
import type { Coherence } from './coherence/coherence.js';
import type { StaleNames } from './coherence/commit-log.js';
import { jitteredTtlMs, newEntry, type Entry } from './entry.js';
import { CacheError } from './errors.js';
import { FailedLoads } from './failed-loads.js';
import { Flights, type Flight } from './flights.js';
import { globMatcher } from './glob.js';
import type { CompiledClass, KeyClasses } from './key-class.js';
import { MemoryTier } from './memory-tier.js';
import type { ResolvedOptions } from './options.js';
import type { SharedHit, SharedTier } from './redis/shared-tier.js';
import { patternOfName } from './stale-pattern.js';
import { sameValue, type StoredValue } from './value.js';

/** Whether the memory tier hears of what other instances invalidate. */
export interface Listening {
  servesAt(nowMs: number): boolean;
  /** Tells the others; false: they could not be told, and will notice that they missed something. */
  announce(stale: StaleNames): Promise<boolean>;
}

/** Longest key, in UTF-16 units. */
const maxKeyLength = 1_024;
const maxTags = 32;
const noTags: readonly string[] = [];

/**
 * What every path of the service shares: the tiers, the loads under way, and the one rule by which memory may answer.
 * Everything here is synchronous, so an invalidation has no middle.
 */
export class CacheCore {
  readonly memory: MemoryTier;
  readonly flights = new Flights();
  readonly failedLoads = new FailedLoads();
  readonly classes: KeyClasses;
  readonly clock: Clock;
  shared: SharedTier | undefined;
  coherence: Coherence | undefined;
  /** The Redis bus; consulted only where no commit log carries the news. */
  bus: Listening | undefined;
  private tagEpoch = 0;

  constructor(readonly options: ResolvedOptions) {
    this.memory = new MemoryTier(options.memory);
    this.classes = options.classes;
    this.clock = options.clock;
  }

  /** May memory answer for this class at `nowMs`? Everything that makes it untrue to the others makes this false. */
  memoryServes(policy: CompiledClass, nowMs: number): boolean {
    if (this.coherence) return this.coherence.servesAt(nowMs);
    if (policy.strict) return false;
    return this.bus ? this.bus.servesAt(nowMs) : true;
  }

  /** The entry that may answer now, fresh or inside `staleMs` past its ttl. */
  servable(key: string, nowMs: number, staleMs: number): Entry | undefined {
    const entry = this.memory.get(key);
    if (!entry || entry.freshUntilMs + staleMs <= nowMs || !this.memoryServes(entry.policy, nowMs)) return undefined;
    if (!entry.used) entry.used = true;
    return entry;
  }

  openFlight(key: string, tags: readonly string[]): Flight {
    return this.flights.open(key, tags, this.tagEpoch);
  }

  /**
   * Keeps a value that the shared tier gave. Its tags are known only now; if any tag was invalidated since the read began, it may have
   * been one of them, and memory does without the value.
   */
  promote(flight: Flight, policy: CompiledClass, hit: SharedHit): void {
    if (!policy.inMemory || policy.strict || !flight.mayKeep(hit.version)) return;
    if (hit.tags.length > 0 && flight.tagEpoch !== this.tagEpoch) return;
    this.put(flight.key, policy, hit.tags, { stored: hit.stored, version: hit.version, ttlMs: hit.freshForMs });
  }

  /** Keeps a loaded value unless something newer is known. Returns false when it was not kept. */
  keep(
    flight: Flight,
    policy: CompiledClass,
    given: { stored: StoredValue; version: number | undefined; ttlMs: number },
  ): boolean {
    if (!policy.inMemory || (policy.strict && !this.coherence)) return false;
    if (!flight.mayKeep(given.version)) return false;
    const held = this.memory.get(flight.key);
    if (held) this.compareReload(held, given.stored);
    if (held?.version !== undefined && given.version !== undefined && held.version > given.version) return false;
    return this.put(flight.key, policy, flight.tags, given);
  }

  put(
    key: string,
    policy: CompiledClass,
    tags: readonly string[],
    given: { stored: StoredValue; version: number | undefined; ttlMs: number },
  ): boolean {
    const groups = this.classes.groupsOf(key);
    const kept = this.memory.put(newEntry({ key, policy, tags, groups, nowMs: this.clock.monotonicMs(), ...given }));
    if (kept) policy.counters.memory.sets += 1;
    return kept;
  }

  ttlMs(policy: CompiledClass, ttlSeconds: number | undefined): number {
    if (ttlSeconds !== undefined && !(ttlSeconds > 0 && Number.isFinite(ttlSeconds))) {
      throw new CacheError(
        'cache_option_invalid',
        `ttlSeconds: ${String(ttlSeconds)} was given, allowed is a number above 0`,
      );
    }
    return jitteredTtlMs(policy, ttlSeconds, Math.random());
  }

  /** Removes and fences what a commit made stale, in memory only. Returns the keys that were live in memory. */
  forget(stale: StaleNames): string[] {
    const removed: string[] = [];
    stale.keys.forEach((key, index) => {
      const pattern = patternOfName(key);
      if (pattern !== undefined) removed.push(...this.forgetPattern(pattern));
      else if (this.forgetKey(key, stale.versions?.[index] ?? undefined)) removed.push(key);
    });
    for (const tag of stale.tags) removed.push(...this.forgetTag(tag));
    return removed;
  }

  /** With a version, an entry of at least that version stays. */
  forgetKey(key: string, version?: number): boolean {
    this.flights.fenceKey(key, version);
    this.failedLoads.forget(key);
    const entry = this.memory.get(key);
    if (!entry) return false;
    if (version !== undefined && entry.version !== undefined && entry.version >= version) return false;
    this.memory.remove(key);
    return this.noteDropped([entry]).length > 0;
  }

  forgetPattern(pattern: string): string[] {
    const group = this.classes.groupOfPattern(pattern);
    const accepts = group === undefined ? globMatcher(pattern) : (key: string): boolean => key.startsWith(group);
    this.flights.fenceWhere((flight) => accepts(flight.key));
    this.failedLoads.forgetWhere(accepts);
    if (group !== undefined) return this.noteDropped(this.memory.takeGroup(group));
    return this.noteDropped(this.memory.takeWhere(accepts));
  }

  forgetTag(tag: string): string[] {
    this.tagEpoch += 1;
    this.flights.fenceWhere((flight) => flight.tags.includes(tag));
    this.failedLoads.forgetWhere((_key, tags) => tags.includes(tag));
    return this.noteDropped(this.memory.takeTag(tag));
  }

  /** Everything may be stale: forget all of it. */
  forgetAll(): void {
    this.flights.fenceAll();
    this.failedLoads.clear();
    this.memory.clear();
  }

  /** What an expired value is replaced by tells whether its ttl was short or long for it. */
  private compareReload(held: Entry, loaded: StoredValue): void {
    if (held.freshUntilMs > this.clock.monotonicMs()) return;
    held.policy.counters.comparedReloads += 1;
    if (sameValue(held.stored, loaded)) held.policy.counters.unchangedReloads += 1;
  }

  /** Counts what was removed; returns the keys that were live. */
  private noteDropped(entries: readonly Entry[]): string[] {
    const nowMs = this.clock.monotonicMs();
    const live: string[] = [];
    for (const { key, policy, freshUntilMs } of entries) {
      policy.counters.memory.deletes += 1;
      policy.counters.invalidations += 1;
      if (freshUntilMs > nowMs) live.push(key);
    }
    return live;
  }
}

/** Refuses what is no key: empty, too long, or with control characters. */
export function checkKey(key: string): void {
  if (typeof key !== 'string' || key.length === 0 || key.length > maxKeyLength || hasControlCharacter(key)) {
    throw new CacheError(
      'cache_key_invalid',
      `a key has 1 to ${maxKeyLength} characters and none of them is a control character`,
    );
  }
}

/** Each once and in order, so that the same tags are the same list however they were given. Refuses too many, and what is no tag. */
export function checkTags(tags: readonly string[] | undefined): readonly string[] {
  if (!tags || tags.length === 0) return noTags;
  if (tags.length > maxTags) throw new CacheError('cache_option_invalid', `tags: at most ${maxTags}`);
  for (const tag of tags) checkKey(tag);
  return tags.length === 1 ? [...tags] : [...new Set(tags)].sort();
}

function hasControlCharacter(key: string): boolean {
  for (let at = 0; at < key.length; at += 1) if (key.charCodeAt(at) < 32) return true;
  return false;
}
