import { checkKey, checkTags, type CacheCore } from './core.js';
import type { Entry } from './entry.js';
import { CacheError } from './errors.js';
import type { FailedLoad } from './failed-loads.js';
import type { Flight } from './flights.js';
import type { CompiledClass } from './key-class.js';
import { runLoader, Waiters, type Loaded } from './load-run.js';
import type { Loader, Lookup, LookupOptions } from './lookup.js';
import type { FillClaim, SharedHit, SharedTier } from './redis/shared-tier.js';
import { handOut, type StoredValue } from './value.js';

/** What a load under way ends in; each caller gets its own copy of the value from it. */
interface Landed {
  readonly stored: StoredValue | undefined;
  readonly tier: 'memory' | 'redis' | 'loader';
  readonly outcome: 'hit' | 'stale' | 'miss';
  readonly ttlMs: number;
  readonly ageMs: number;
  readonly kept: boolean;
}

interface Wanted<T> {
  readonly key: string;
  readonly policy: CompiledClass;
  readonly loader: Loader<T>;
  readonly options: LookupOptions;
  readonly tags: readonly string[];
}

/** How often a process waits for another's load before it loads by itself. */
const maxWaits = 3;

/** The whole way of a read that can load: memory, a load under way, Redis, the loader, and the fenced fill of both tiers. */
export class LoadPath {
  private readonly waiters = new WeakMap<Flight, Waiters>();

  constructor(private readonly core: CacheCore) {}

  async lookup<T>(key: string, loader: Loader<T>, options: LookupOptions = {}): Promise<Lookup<T>> {
    const { core } = this;
    checkKey(key);
    const policy = this.policyOf(key, options.policy);
    const wanted: Wanted<T> = { key, policy, loader, options, tags: checkTags(options.tags) };
    const nowMs = core.clock.monotonicMs();
    if (options.skipCache !== true) {
      const entry = core.servable(
        key,
        nowMs,
        (options.allowStale ?? true) === true ? policy.staleWhileRevalidateMs : 0,
      );
      if (entry) return this.fromMemory(wanted, entry, nowMs);
      if (policy.inMemory) policy.counters.memory.misses += 1;
      const running = core.flights.joinable(key);
      if (running && options.allowStale === 'while-loading') {
        const stale = core.servable(key, nowMs, policy.staleWhileRevalidateMs);
        if (stale) return this.fromMemory(wanted, stale, nowMs);
      }
      // A strict read may wait for a load that began earlier only while everyone who changes the value waits for this instance.
      if (running && (!policy.strict || core.memoryServes(policy, nowMs))) return this.join(wanted, running);
    }
    const flight = this.takeOff(wanted);
    return this.land(wanted, await this.waitFor(flight, options.signal), false);
  }

  private policyOf(key: string, name: string | undefined): CompiledClass {
    if (name === undefined) return this.core.classes.of(key);
    const named = this.core.classes.all.find((one) => one.name === name);
    if (!named) throw new CacheError('cache_option_invalid', `policy: no class is named ${name}`);
    return named;
  }

  private fromMemory<T>(wanted: Wanted<T>, entry: Entry, nowMs: number): Lookup<T> {
    const stale = entry.freshUntilMs <= nowMs;
    const { counters } = entry.policy;
    counters.hits += 1;
    counters.memory.hits += 1;
    if (stale) {
      counters.staleHits += 1;
      if (!this.core.flights.joinable(wanted.key)) this.refresh(wanted);
    }
    return {
      value: handOut(entry.stored) as T,
      outcome: stale ? 'stale' : 'hit',
      tier: 'memory',
      ttlSeconds: (entry.freshUntilMs - nowMs) / 1000,
      ageSeconds: (nowMs - entry.storedAtMs) / 1000,
      stored: true,
    };
  }

  private async join<T>(wanted: Wanted<T>, flight: Flight): Promise<Lookup<T>> {
    wanted.policy.counters.joined += 1;
    return this.land(wanted, await this.waitFor(flight, wanted.options.signal), true);
  }

  private land<T>(wanted: Wanted<T>, landed: Landed, joined: boolean): Lookup<T> {
    const { counters } = wanted.policy;
    if (landed.outcome === 'miss') counters.misses += 1;
    else counters.hits += 1;
    if (landed.outcome === 'stale') counters.staleHits += 1;
    const loaded = landed.outcome === 'miss';
    const bypassed = loaded && !landed.kept && wanted.policy.strict;
    return {
      value: (landed.stored ? handOut(landed.stored) : undefined) as T,
      outcome: loaded ? (joined ? 'joined' : bypassed ? 'bypass' : 'miss') : landed.outcome,
      tier: landed.tier,
      ttlSeconds: landed.ttlMs / 1000,
      ageSeconds: landed.ageMs / 1000,
      stored: landed.kept,
    };
  }

  private async waitFor(flight: Flight, signal: AbortSignal | undefined): Promise<Landed> {
    const outcome = flight.outcome as Promise<Landed>;
    const waiters = this.waiters.get(flight);
    return waiters ? waiters.wait(outcome, signal) : outcome;
  }

  private refresh<T>(wanted: Wanted<T>): void {
    if (this.core.failedLoads.waiting(wanted.key, this.core.clock.monotonicMs())) return;
    // Nobody waits for this one; its failure was counted where it happened and the stale value has been served.
    this.takeOff({ ...wanted, options: { ...wanted.options, allowStale: false } }).outcome?.catch(() => undefined);
  }

  private takeOff<T>(wanted: Wanted<T>): Flight {
    const flight = this.core.openFlight(wanted.key, wanted.tags);
    const waiters = new Waiters();
    this.waiters.set(flight, waiters);
    const outcome = this.fly(wanted, flight, waiters).finally(() => this.core.flights.close(flight));
    flight.outcome = outcome;
    // A caller may have aborted before it could wait.
    outcome.catch(() => undefined);
    return flight;
  }

  private async fly<T>(wanted: Wanted<T>, flight: Flight, waiters: Waiters): Promise<Landed> {
    const { policy, options } = wanted;
    const shared = policy.inRedis ? this.core.shared : undefined;
    const failed = this.core.failedLoads.waiting(wanted.key, this.core.clock.monotonicMs());
    if (failed && options.skipCache !== true) {
      const landed = await this.insteadOfLoading(wanted, shared, flight, failed);
      if (landed) return landed;
    }
    let spare: SharedHit | undefined;
    let claim: FillClaim | undefined;
    if (shared) {
      const found = await this.fromShared(wanted, shared, flight, waiters);
      if (found.kind === 'landed') return found.landed;
      spare = found.spare;
      claim = found.claim;
    }
    const startedMs = this.core.clock.monotonicMs();
    const { signal } = waiters;
    let loaded: Loaded;
    try {
      loaded = await runLoader(wanted.loader, signal);
      policy.counters.observeLoad(this.core.clock.monotonicMs() - startedMs);
      this.core.failedLoads.forget(wanted.key);
    } catch (error) {
      policy.counters.loadErrors += 1;
      this.noteFailure(flight, policy, signal, error);
      if (shared && claim) await shared.release(claim);
      const rescued = this.staleInstead(wanted, spare);
      if (rescued) return rescued;
      throw error;
    }
    return this.keep(wanted, flight, loaded, options, shared, claim);
  }

  /** A load that nobody waited for to its end, or that an invalidation overtook, says nothing about the next one. */
  private noteFailure(flight: Flight, policy: CompiledClass, signal: AbortSignal, error: unknown): void {
    if (signal.aborted || !flight.joinable) return;
    const nowMs = this.core.clock.monotonicMs();
    this.core.failedLoads.note(flight.key, policy, flight.tags, { error, nowMs, random: Math.random() });
  }

  /**
   * After a load that failed a moment ago: what another process has loaded meanwhile, else a stale value where the class allows it, else
   * the same error. Undefined: load.
   */
  private async insteadOfLoading<T>(
    wanted: Wanted<T>,
    shared: SharedTier | undefined,
    flight: Flight,
    failed: FailedLoad,
  ): Promise<Landed | undefined> {
    const { key, tags, policy, options } = wanted;
    const read = await shared?.read(key, tags);
    const found = read?.kind === 'hit' ? read : undefined;
    const landed = (found && this.acceptShared(wanted, flight, found)) ?? this.staleInstead(wanted, found);
    if (!landed && options.shareErrors === false) return undefined;
    policy.counters.backedOff += 1;
    if (landed) return landed;
    throw failed.error;
  }

  private async keep<T>(
    wanted: Wanted<T>,
    flight: Flight,
    loaded: Loaded,
    options: LookupOptions,
    shared: SharedTier | undefined,
    claim: FillClaim | undefined,
  ): Promise<Landed> {
    const { policy } = wanted;
    const { stored, version } = loaded;
    const ttlMs = Math.min(this.core.ttlMs(policy, options.ttlSeconds), loaded.capTtlMs);
    const landed: Landed = { stored, tier: 'loader', outcome: 'miss', ttlMs, ageMs: 0, kept: false };
    if (!stored || !(ttlMs > 0)) {
      if (shared && claim) await shared.release(claim);
      return { ...landed, ttlMs: 0 };
    }
    // Redis first: its fence may know of an invalidation whose message has not come yet.
    let shareOutcome: 'stored' | 'fenced' | 'away' = 'away';
    if (shared && claim) {
      if (flight.mayKeep(version)) {
        const staleMs = Math.max(policy.staleWhileRevalidateMs, policy.staleIfErrorMs);
        shareOutcome = await shared.fill(claim, { stored, version, ttlMs, staleMs });
      } else {
        await shared.release(claim);
      }
    }
    const kept = shareOutcome !== 'fenced' && this.core.keep(flight, policy, { stored, version, ttlMs });
    if (shareOutcome === 'fenced' || !flight.mayKeep(version)) policy.counters.fenced += 1;
    return { ...landed, kept: kept || shareOutcome === 'stored' };
  }

  /** Looks into Redis; on a miss takes the right to load, or waits for the process that has it. */
  private async fromShared<T>(
    wanted: Wanted<T>,
    shared: SharedTier,
    flight: Flight,
    waiters: Waiters,
  ): Promise<{ kind: 'landed'; landed: Landed } | { kind: 'load'; spare?: SharedHit; claim?: FillClaim }> {
    const { key, policy, options, tags } = wanted;
    let spare: SharedHit | undefined;
    if (options.skipCache !== true) {
      const read = await shared.read(key, tags);
      if (read.kind === 'away') return { kind: 'load' };
      if (read.kind === 'hit') {
        const landed = this.acceptShared(wanted, flight, read);
        if (landed) return { kind: 'landed', landed };
        spare = read;
      }
    }
    for (let waits = 0; waits <= maxWaits; waits += 1) {
      const claim = await shared.claim(key, tags, options.skipCache === true);
      if (claim.kind === 'away') break;
      if (claim.kind === 'hit') {
        const landed = this.acceptShared(wanted, flight, claim);
        if (landed) return { kind: 'landed', landed };
        break;
      }
      if (claim.leader || options.skipCache === true || waits === maxWaits)
        return spare ? { kind: 'load', spare, claim } : { kind: 'load', claim };
      const stale = options.allowStale === 'while-loading' && spare && this.staleOf(wanted, spare);
      if (stale) return { kind: 'landed', landed: stale };
      policy.counters.joined += 1;
      await shared.untilFilled(key, claim.leaseMs, waiters.signal);
    }
    return spare ? { kind: 'load', spare } : { kind: 'load' };
  }

  /** Takes a value from Redis if it is fresh, or stale within the class's window, and keeps a fresh one in memory. */
  private acceptShared<T>(wanted: Wanted<T>, flight: Flight, hit: SharedHit): Landed | undefined {
    const { policy, options } = wanted;
    const base = { stored: hit.stored, tier: 'redis' as const, ttlMs: hit.freshForMs, ageMs: hit.ageMs, kept: true };
    if (hit.freshForMs > 0) {
      policy.counters.redis.hits += 1;
      this.core.promote(flight, policy, hit);
      return { ...base, outcome: 'hit' };
    }
    const { allowStale = true } = options;
    // In memory it can answer those who come while this caller loads.
    if (allowStale === 'while-loading' && policy.staleWhileRevalidateMs > 0) this.core.promote(flight, policy, hit);
    if (allowStale !== true) return undefined;
    const stale = this.staleOf(wanted, hit);
    if (stale) this.refresh(wanted);
    return stale;
  }

  /** A value of Redis that is past its ttl, while the class lets it answer during a load. */
  private staleOf<T>(wanted: Wanted<T>, hit: SharedHit): Landed | undefined {
    const { policy } = wanted;
    if (hit.freshForMs + policy.staleWhileRevalidateMs <= 0) return undefined;
    policy.counters.redis.hits += 1;
    const { stored, freshForMs: ttlMs, ageMs } = hit;
    return { stored, tier: 'redis', outcome: 'stale', ttlMs, ageMs, kept: true };
  }

  /** After a failed load: the old value, where the class allows it. Never for strict classes: their windows are 0. */
  private staleInstead<T>(wanted: Wanted<T>, spare: SharedHit | undefined): Landed | undefined {
    const { policy, key } = wanted;
    const nowMs = this.core.clock.monotonicMs();
    const entry = this.core.memory.get(key);
    if (entry && entry.freshUntilMs + policy.staleIfErrorMs > nowMs && policy.staleIfErrorMs > 0) {
      const ttlMs = entry.freshUntilMs - nowMs;
      return {
        stored: entry.stored,
        tier: 'memory',
        outcome: 'stale',
        ttlMs,
        ageMs: nowMs - entry.storedAtMs,
        kept: true,
      };
    }
    if (spare && spare.freshForMs + policy.staleIfErrorMs > 0) {
      return {
        stored: spare.stored,
        tier: 'redis',
        outcome: 'stale',
        ttlMs: spare.freshForMs,
        ageMs: spare.ageMs,
        kept: true,
      };
    }
    return undefined;
  }
}
