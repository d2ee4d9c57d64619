import { EventEmitter } from 'node:events';
import type { Acknowledgement } from './coherence/acknowledgements.js';
import { Coherence } from './coherence/coherence.js';
import type { StaleNames } from './coherence/commit-log.js';
import { pause } from './clock.js';
import { CacheCore, checkKey } from './core.js';
import type { Entry } from './entry.js';
import { LoadPath } from './load-path.js';
import type { Loader, Lookup, LookupOptions } from './lookup.js';
import { measure, percentage, type CacheMetrics } from './metrics.js';
import { resolveOptions, type CacheCall, type CacheServiceOptions, type ResolvedOptions } from './options.js';
import { memoryClassOf, OpenFill } from './open-fill.js';
import { ReadPath, type Found } from './read-path.js';
import { connectRedis, type RedisParts } from './redis/parts.js';
import { handOut } from './value.js';
import { warmAll, type WarmItem, type WarmOptions, type WarmProgress } from './warm.js';
import { WritePath, type CommittedChange, type Committed, type SetOptions } from './write-path.js';

/** Events of a service, for those who watch it. */
export interface CacheEvents {
  /** Redis answers again, or no longer. */
  redis: [{ readonly state: 'ready' | 'away' }];
  /** Everything in memory was forgotten. */
  startedOver: [{ readonly reason: 'joined' | 'stopped' | 'bus' | 'asked' }];
}

/** A value in memory, for callers that must not wait: the response cache's hot path. */
export interface MemoryHit {
  readonly value: unknown;
  readonly className: string;
  readonly ttlSeconds: number;
  readonly ageSeconds: number;
}

/**
 * A cache of two tiers: this process's memory over Redis. Nothing happens before `connect`, and after `disconnect` nothing runs.
 * What it guarantees is written at the top of docs/cache.md.
 */
export class CacheService extends EventEmitter<CacheEvents> {
  /** Names this instance among all that share the database and Redis; goes to `cache_publish` as the writer. */
  readonly instanceId: string;

  private readonly options: ResolvedOptions;
  private readonly core: CacheCore;
  private readonly reads: ReadPath;
  private readonly loads: LoadPath;
  private readonly writes: WritePath;
  private redis: RedisParts | undefined;
  private connected = false;

  constructor(options: CacheServiceOptions = {}) {
    super();
    this.options = resolveOptions(options);
    this.instanceId = this.options.instanceId;
    this.core = new CacheCore(this.options);
    this.reads = new ReadPath(this.core);
    this.loads = new LoadPath(this.core);
    this.writes = new WritePath(this.core);
  }

  /** Connects to Redis and joins the commit log, where given. Neither has to be there: the cache works with what answers. */
  async connect(): Promise<void> {
    if (this.connected) return;
    this.connected = true;
    try {
      await this.open();
    } catch (error) {
      await this.disconnect();
      throw error;
    }
  }

  private async open(): Promise<void> {
    const { redis, commitLog, instanceId, lease, clock, logger } = this.options;
    if (redis) {
      this.redis = await connectRedis(redis, this.core, {
        announce: commitLog === undefined,
        onState: (state) => this.emit('redis', { state }),
        onStartOver: () => this.startOver('bus'),
      });
      this.core.shared = this.redis.tier;
      this.core.bus = this.redis.bus;
    }
    if (commitLog) {
      const target = {
        apply: (stale: StaleNames) => void this.writes.forget(stale),
        startOver: (reason: 'joined' | 'stopped') => this.startOver(reason),
      };
      const coherence = new Coherence({ instance: instanceId, log: commitLog, times: lease, clock, logger, target });
      this.core.coherence = coherence;
      await coherence.start();
    }
  }

  /** Gives the lease back and closes what `connect` opened. May be called twice. */
  async disconnect(): Promise<void> {
    if (!this.connected) return;
    this.connected = false;
    await this.core.coherence?.stop();
    await this.redis?.close();
    this.redis = undefined;
    this.core.shared = undefined;
    this.core.bus = undefined;
    this.core.forgetAll();
  }

  /** The fresh value of `key`, or null. A cached `null` looks the same; `exists` tells them apart. */
  get<T>(key: string): Promise<T | null> {
    const entry = this.reads.inMemory(key, this.core.clock.monotonicMs());
    if (entry) {
      this.tellMemoryHit(entry.policy.name);
      return Promise.resolve((entry.value === undefined ? handOut(entry.stored) : entry.value) as T);
    }
    return this.getSlowly(key);
  }

  /** One answer for each key, in their order; the keys that memory lacks travel to Redis together. */
  getMany<T>(keys: readonly string[]): Promise<(T | null)[]> {
    return this.reads.getMany<T>(keys);
  }

  /** What memory may answer at once, without a promise. Undefined says nothing about Redis. */
  getFromMemory(key: string): MemoryHit | undefined {
    const nowMs = this.core.clock.monotonicMs();
    const entry = this.reads.inMemory(key, nowMs);
    if (!entry) return undefined;
    this.tellMemoryHit(entry.policy.name);
    return memoryHit(entry, nowMs);
  }

  /**
   * As `getFromMemory`, but nobody hears of it: for whoever needs several answers at once and goes another way when one of them is missing.
   * Count each that was used with `countMemoryHit`; `onCall` is not told of them.
   */
  peekMemory(key: string): MemoryHit | undefined {
    const nowMs = this.core.clock.monotonicMs();
    const entry = this.core.servable(key, nowMs, 0);
    return entry && memoryHit(entry, nowMs);
  }

  /** Counts a hit that `peekMemory` gave. */
  countMemoryHit({ className }: MemoryHit): void {
    const counters = this.core.classes.all.find((one) => one.name === className)?.counters;
    if (!counters) return;
    counters.hits += 1;
    counters.memory.hits += 1;
  }

  /**
   * Begins a load that the caller runs by himself, for a class that memory alone keeps, such as the strict ones. For whoever has a quicker way
   * to the data than a loader a key, such as one statement for many. `missed`: memory was asked before and had nothing. `onCall` is not told.
   */
  openFill(key: string, missed: boolean): OpenFill {
    checkKey(key);
    const policy = memoryClassOf(this.core, key);
    if (missed && policy.inMemory) policy.counters.memory.misses += 1;
    return new OpenFill(this.core, key, policy);
  }

  /** The cached value, or the loader's: one load at a time for a key, in this process and, over Redis, in all. */
  async getOrSet<T>(key: string, loader: Loader<T>, options?: LookupOptions): Promise<T> {
    return (await this.lookup(key, loader, options)).value;
  }

  /** `getOrSet` that also tells where the value came from and how long it is good. */
  lookup<T>(key: string, loader: Loader<T>, options?: LookupOptions): Promise<Lookup<T>> {
    if (!this.options.onCall) return this.loads.lookup(key, loader, options);
    return this.traced(
      'getOrSet',
      key,
      () => this.loads.lookup(key, loader, options),
      (found) => found,
    );
  }

  /**
   * Keeps `value` in the tiers of the key's class. False: no tier that matters took it, or the others could not be told yet.
   * For strict classes prefer `getOrSet` and `afterCommit`: a value set by hand is believed as it is.
   */
  set(key: string, value: unknown, ttlSeconds?: number, options: SetOptions = {}): Promise<boolean> {
    return this.traced(
      'set',
      key,
      () => this.writes.set(key, value, ttlSeconds, options),
      () => stored,
    );
  }

  /**
   * Removes `key` everywhere; true if a live value was there.
   * @throws CacheError `commit_log_unavailable` for a strict class when the other instances cannot be told; so do the other deletes and `set`.
   */
  delete(key: string): Promise<boolean> {
    return this.traced(
      'delete',
      key,
      () => this.writes.remove(key),
      () => removed,
    );
  }

  /** Whether a fresh value is in a tier that may answer now. */
  exists(key: string): Promise<boolean> {
    return this.reads.exists(key);
  }

  /** Whole seconds that the value stays fresh; -2 when there is none. */
  getTTL(key: string): Promise<number> {
    return this.reads.ttlSeconds(key);
  }

  /** Starts the ttl of a present value anew; false if there is none. */
  setTTL(key: string, ttlSeconds: number): Promise<boolean> {
    return this.writes.retime(key, ttlSeconds);
  }

  /** Removes what a Redis glob matches; a pattern such as `user:123:*` costs what it removes, others a bounded scan. */
  deletePattern(pattern: string): Promise<number> {
    return this.traced(
      'deletePattern',
      pattern,
      () => this.writes.removePattern(pattern),
      () => removed,
    );
  }

  /** Removes everything that carries `tag`. Returns how much of it was in this process's memory. */
  deleteByTag(tag: string): Promise<number> {
    return this.traced(
      'deleteByTag',
      tag,
      () => this.writes.removeTag(tag),
      () => removed,
    );
  }

  /** Live keys that `deletePattern` would remove from memory and, for declared patterns, from Redis. */
  async countPattern(pattern: string): Promise<number> {
    return (await this.writes.matching(pattern)).length;
  }

  /** Tells every instance of a commit; resolves when the commit may be acknowledged. */
  async afterCommit(committed: Committed): Promise<Acknowledgement> {
    const key = committed.changes[0]?.key ?? '';
    return this.traced(
      'afterCommit',
      key,
      () => this.writes.afterCommit(committed),
      () => removed,
    );
  }

  /** When the outcome of a commit is unknown: forgets what it may have changed, now and once more. */
  afterUnknownOutcome(given: { changes: readonly CommittedChange[]; tags?: readonly string[] }): Promise<void> {
    return this.writes.afterUnknownOutcome(given);
  }

  /**
   * Forgets all that this instance's memory holds, at once, and keeps nothing of the loads that are under way: for a database that may have gone
   * back, such as after the promotion of a standby that lacked the last commits. Redis is left as it is.
   */
  forgetMemory(): void {
    this.startOver('asked');
  }

  /** Runs loads with bounded concurrency. Failures are counted in the progress, not thrown. */
  warm(items: readonly WarmItem[], options: WarmOptions = {}): Promise<WarmProgress> {
    return warmAll(items, options, this.core.clock);
  }

  getMetrics(): CacheMetrics {
    const redis = !this.options.redis ? 'absent' : this.redis?.tier.isHealthy() ? 'ready' : 'away';
    return measure(this.core.classes.all, { entries: this.core.memory.size, redis });
  }

  /** Lookups answered without a load, in percent; 0 before the first. */
  getHitRate(): number {
    let hits = 0;
    let misses = 0;
    for (const { counters } of this.core.classes.all) {
      hits += counters.hits;
      misses += counters.misses;
    }
    return percentage(hits, misses);
  }

  resetMetrics(): void {
    for (const { counters } of this.core.classes.all) counters.reset();
  }

  /** Whether every configured part works: Redis answers, and the lease is held. */
  isHealthy(): boolean {
    if (!this.connected) return false;
    const redisWorks = !this.options.redis || this.redis?.tier.isHealthy() === true;
    const { coherence } = this.core;
    return redisWorks && (!coherence || coherence.servesAt(this.core.clock.monotonicMs()));
  }

  /** Resolves when memory may answer for strict classes, or with false after `withinMs`. For starts and tests. */
  async untilCoherent(withinMs: number): Promise<boolean> {
    const { coherence, clock } = this.core;
    if (!coherence) return false;
    const untilMs = clock.monotonicMs() + withinMs;
    while (!coherence.servesAt(clock.monotonicMs())) {
      if (clock.monotonicMs() >= untilMs) return false;
      await coherence.renewNow();
      if (!coherence.servesAt(clock.monotonicMs())) await pause(clock, 20);
    }
    return true;
  }

  private getSlowly<T>(key: string): Promise<T | null> {
    if (!this.options.onCall) {
      try {
        return this.reads.find(key).then(valueOf<T>);
      } catch (error) {
        return Promise.reject(error as Error);
      }
    }
    const find = (): Promise<Found | undefined> => this.reads.find(key);
    const describe = (found: Found | undefined) =>
      found ? ({ outcome: 'hit', tier: found.tier } as const) : ({ outcome: 'miss', tier: 'none' } as const);
    return this.traced('get', key, find, describe).then(valueOf<T>);
  }

  private tellMemoryHit(className: string): void {
    this.options.onCall?.({ operation: 'get', className, tier: 'memory', outcome: 'hit', durationMs: 0 });
  }

  private startOver(reason: 'joined' | 'stopped' | 'bus' | 'asked'): void {
    this.core.forgetAll();
    this.emit('startedOver', { reason });
  }

  /** Runs `work` and, if somebody wants to know, tells what became of it. */
  private async traced<T>(
    operation: CacheCall['operation'],
    key: string,
    work: () => Promise<T>,
    describe: (ended: T) => Pick<CacheCall, 'outcome' | 'tier'>,
  ): Promise<T> {
    const { onCall, clock } = this.options;
    if (!onCall) return work();
    const startedMs = clock.monotonicMs();
    const className = this.core.classes.of(key).name;
    const tell = (told: Pick<CacheCall, 'outcome' | 'tier'>): void =>
      onCall({
        operation,
        className,
        tier: told.tier,
        outcome: told.outcome,
        durationMs: clock.monotonicMs() - startedMs,
      });
    try {
      const ended = await work();
      tell(describe(ended));
      return ended;
    } catch (error) {
      tell({ outcome: 'error', tier: 'none' });
      throw error;
    }
  }
}

function memoryHit(entry: Entry, nowMs: number): MemoryHit {
  return {
    value: entry.stored.kind === 'json' ? entry.stored.value : entry.stored.bytes,
    className: entry.policy.name,
    ttlSeconds: (entry.freshUntilMs - nowMs) / 1000,
    ageSeconds: (nowMs - entry.storedAtMs) / 1000,
  };
}

function valueOf<T>(found: Found | undefined): T | null {
  return found ? (handOut(found.stored) as T) : null;
}

const stored = { outcome: 'stored', tier: 'none' } as const;
const removed = { outcome: 'removed', tier: 'none' } as const;
