import type { Acknowledgement } from './coherence/acknowledgements.js';
import type { StaleNames } from './coherence/commit-log.js';
import { parsePublished } from './coherence/postgres-commit-log.js';
import { checkKey, checkTags, type CacheCore } from './core.js';
import { CacheError } from './errors.js';
import { globMatcher } from './glob.js';
import { nameOfPattern, patternOfName } from './stale-pattern.js';
import { storeValue, type StoredValue } from './value.js';

/** One cached thing that a commit changed. */
export interface CommittedChange {
  /** A key, or a declared pattern ending in `*`. */
  readonly key: string;
  /** The version that the commit gave it. Entries of at least this version stay. */
  readonly version?: number;
  /** The new value, where the writer knows it: replaces an older one in this instance's memory. Needs `version`. */
  readonly value?: unknown;
  /** Cap of the new value's ttl. */
  readonly ttlSeconds?: number;
  /**
   * In place of `value`: makes the new one of what memory keeps, where the writer can. Gets the kept value (bytes or frozen JSON, not to
   * be changed) and its version; undefined to have it forgotten. What it gives is good no longer than the kept one was.
   */
  readonly rewrite?: (kept: unknown, keptVersion: number) => unknown;
}

export interface Committed {
  /** What `cache_publish` returned inside the transaction, untouched. Null or absent: no other instance was alive. */
  readonly published?: unknown;
  readonly changes: readonly CommittedChange[];
  readonly tags?: readonly string[];
}

export interface SetOptions {
  readonly tags?: readonly string[];
  readonly version?: number;
}

/** As it lies in memory, without the copy that a reader would get. */
function keptValue(stored: StoredValue): unknown {
  return stored.kind === 'bytes' ? stored.bytes : stored.value;
}

const nobody: Acknowledgement = { waitedMs: 0, confirmed: 0, expired: [] };

/** Everything that makes kept values untrue. Memory is told first and synchronously, then Redis, then the other instances. */
export class WritePath {
  constructor(private readonly core: CacheCore) {}

  async set(key: string, value: unknown, ttlSeconds: number | undefined, options: SetOptions): Promise<boolean> {
    checkKey(key);
    const { core } = this;
    const policy = core.classes.of(key);
    const stored = storeValue(value);
    const ttlMs = core.ttlMs(policy, ttlSeconds);
    const tags = checkTags(options.tags);
    core.flights.fenceKey(key);
    core.failedLoads.forget(key);
    const mayHold = policy.inMemory && (!policy.strict || core.coherence !== undefined);
    core.memory.remove(key);
    const held = mayHold && core.put(key, policy, tags, { stored, version: options.version, ttlMs });
    const shared = policy.inRedis ? core.shared : undefined;
    const staleMs = Math.max(policy.staleWhileRevalidateMs, policy.staleIfErrorMs);
    const sharedSet = shared
      ? await shared.set(key, tags, { stored, version: options.version, ttlMs, staleMs })
      : false;
    const told = await this.tellOthers({ keys: [key], versions: null, tags: [] });
    return (held || sharedSet) && told;
  }

  /** Whether a live value was removed. */
  async remove(key: string): Promise<boolean> {
    checkKey(key);
    const wasHeld = this.core.forgetKey(key);
    const removed = this.core.classes.of(key).inRedis ? await this.core.shared?.remove([key]) : undefined;
    await this.tellOthers({ keys: [key], versions: null, tags: [] });
    return wasHeld || (removed ?? 0) > 0;
  }

  /** Live keys removed from this instance's memory and from Redis, each counted once. */
  async removePattern(pattern: string): Promise<number> {
    checkKey(pattern);
    const { shared, classes } = this.core;
    const stale: StaleNames = { keys: [nameOfPattern(pattern)], versions: null, tags: [] };
    const group = classes.groupOfPattern(pattern);
    if (group === undefined) {
      const held = this.core.forgetPattern(pattern);
      const sharedCount = await shared?.removeGlob(pattern);
      await this.tellOthers(stale);
      return this.countRemoved(held, sharedCount);
    }
    const removal = this.tellBeside(shared?.removeGroup(group), stale);
    const held = this.core.forgetPattern(pattern);
    return this.countRemoved(held, await removal);
  }

  /** Live keys in memory that match, and those in Redis of a declared pattern. */
  async matching(pattern: string): Promise<readonly string[]> {
    checkKey(pattern);
    const group = this.core.classes.groupOfPattern(pattern);
    const held =
      group === undefined ? this.core.memory.keysWhere(globMatcher(pattern)) : this.core.memory.keysOfGroup(group);
    const nowMs = this.core.clock.monotonicMs();
    const live = held.filter((key) => this.core.servable(key, nowMs, 0));
    const shared = group === undefined ? undefined : await this.core.shared?.keysOfGroup(group);
    return [...new Set([...live, ...(shared ?? [])])];
  }

  /** Live keys removed from this instance's memory; in Redis one step makes the rest invalid, uncounted. */
  async removeTag(tag: string): Promise<number> {
    checkKey(tag);
    const removal = this.tellBeside(this.core.shared?.removeTag(tag), { keys: [], versions: null, tags: [tag] });
    const held = this.core.forgetTag(tag);
    await removal;
    return held.length;
  }

  async retime(key: string, ttlSeconds: number): Promise<boolean> {
    checkKey(key);
    const policy = this.core.classes.of(key);
    const ttlMs = this.core.ttlMs(policy, ttlSeconds);
    const nowMs = this.core.clock.monotonicMs();
    const entry = this.core.servable(key, nowMs, 0);
    if (entry) {
      const { stored, version, tags } = entry;
      this.core.put(key, policy, tags, { stored, version, ttlMs });
    }
    const staleMs = Math.max(policy.staleWhileRevalidateMs, policy.staleIfErrorMs);
    const shared = policy.inRedis ? await this.core.shared?.retime(key, ttlMs, staleMs) : false;
    return entry !== undefined || shared === true;
  }

  /** After a commit of the caller's: resolves when its answer may be sent. */
  async afterCommit(committed: Committed): Promise<Acknowledgement> {
    const stale = namesOf(committed);
    // Memory first: whatever is wrong with `published`, this instance must not go on serving the old values.
    for (const change of committed.changes) this.writeThrough(change);
    const forgotten = this.forget(stale);
    const published = parsePublished(committed.published);
    if (!this.core.coherence) {
      await forgotten;
      await this.tellOthers(stale);
      return nobody;
    }
    // Redis is not waited for: until it has been told, the tier of no instance that knows of this commit answers for these keys.
    return this.core.coherence.acknowledge(published, stale);
  }

  /** The caller does not know whether its commit happened: nothing of it may be believed. */
  async afterUnknownOutcome(given: { changes: readonly CommittedChange[]; tags?: readonly string[] }): Promise<void> {
    const names = namesOf(given);
    const stale: StaleNames = { ...names, versions: null };
    await this.forget(stale);
    // The server may still be at it: what a reader fills in meanwhile is removed again.
    for (const delayMs of [1_000, 5_000]) this.core.clock.schedule(() => void this.forget(stale), delayMs);
    // The caller has an error to report already; what cannot be told now is told later.
    await this.tellOthers(stale).catch(() => false);
  }

  /** Memory at once, then Redis; also what another instance's commit does here. Resolves when Redis was told or cannot be. */
  async forget(stale: StaleNames): Promise<void> {
    this.core.forget(stale);
    const { shared, classes } = this.core;
    if (!shared) return;
    const keys: string[] = [];
    const steps: Promise<unknown>[] = [];
    for (const key of stale.keys) {
      const pattern = patternOfName(key);
      if (pattern === undefined) {
        if (classes.of(key).inRedis) keys.push(key);
        continue;
      }
      const group = classes.groupOfPattern(pattern);
      steps.push(group === undefined ? shared.removeGlob(pattern) : shared.removeGroup(group));
    }
    if (keys.length > 0) steps.push(shared.remove(keys));
    for (const tag of stale.tags) steps.push(shared.removeTag(tag));
    await Promise.all(steps);
  }

  /**
   * Replaces an older value by the new one. Only where an older one is held: a missing entry may have been removed by a still newer
   * commit, and then this value would be the stale one.
   */
  private writeThrough(change: CommittedChange): void {
    const { key, version } = change;
    if (version === undefined) return;
    const held = this.core.memory.get(key);
    if (!held || held.version === undefined || held.version >= version) return;
    const value = change.rewrite ? change.rewrite(keptValue(held.stored), held.version) : change.value;
    if (value === undefined) return;
    const { policy, tags } = held;
    const remainingMs = change.rewrite ? held.freshUntilMs - this.core.clock.monotonicMs() : Infinity;
    if (remainingMs <= 0) return;
    const ttlMs = Math.min(this.core.ttlMs(policy, change.ttlSeconds), remainingMs);
    const stored = storeValue(value);
    // Under this key lies something else, such as a whole HTTP answer: it is forgotten, not replaced.
    if (stored.kind !== held.stored.kind) return;
    this.core.flights.fenceKey(key, version);
    this.core.put(key, policy, tags, { stored, version, ttlMs });
  }

  /**
   * Tells the others while Redis is still at it. Memory forgets right after this was called, in the same turn, so nobody here can read in
   * between, and Redis is at work meanwhile. Whoever hears of it must not find the old value in Redis and take it back into memory. Over the bus that is so where the
   * removal and the message travel one behind the other; with a commit log everybody removes it from Redis before asking there.
   */
  private async tellBeside<T>(removal: Promise<T> | undefined, stale: StaleNames): Promise<T | undefined> {
    const { coherence, shared } = this.core;
    if (!coherence && shared?.keepsOrder === false) {
      const removed = await removal;
      await this.tellOthers(stale);
      return removed;
    }
    const [removed] = await Promise.all([removal, this.tellOthers(stale)]);
    return removed;
  }

  private countRemoved(held: readonly string[], sharedCount: number | undefined): number {
    if (sharedCount === undefined) return held.length;
    return sharedCount + held.filter((key) => !this.core.classes.of(key).inRedis).length;
  }

  private async tellOthers(stale: StaleNames): Promise<boolean> {
    const { coherence, bus, options } = this.core;
    if (!coherence) return bus ? bus.announce(stale) : true;
    try {
      await coherence.publish(stale);
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      options.logger.warn({ reason }, 'an invalidation could not be published yet; it is sent again');
      coherence.publishLater(stale);
      if (this.concernsStrict(stale)) {
        const message = 'forgotten here, but the other instances could not be told yet: do not acknowledge';
        throw new CacheError('commit_log_unavailable', message, { cause: error });
      }
      return false;
    }
  }

  /** Whether a strict value may be among what `stale` names; a pattern or a tag may name any. */
  private concernsStrict(stale: StaleNames): boolean {
    const { classes } = this.core;
    if (!classes.all.some((one) => one.strict)) return false;
    if (stale.tags.length > 0) return true;
    return stale.keys.some((key) => patternOfName(key) !== undefined || classes.of(key).strict);
  }
}

function namesOf(given: { changes: readonly CommittedChange[]; tags?: readonly string[] }): StaleNames {
  const versions = given.changes.map((change) => change.version ?? null);
  return {
    keys: given.changes.map((change) => change.key),
    versions: versions.some((version) => version !== null) ? versions : null,
    tags: given.tags ?? [],
  };
}
