import type { CompiledClass } from './key-class.js';
import { sizeOf, type StoredValue } from './value.js';

/** One value in memory. Times are on the service's monotonic clock. */
export interface Entry {
  readonly key: string;
  readonly policy: CompiledClass;
  readonly stored: StoredValue;
  /** The data's own version, where it has one: never replaced by a lower. */
  readonly version: number | undefined;
  readonly storedAtMs: number;
  /** Until then the value is fresh. */
  readonly freshUntilMs: number;
  /** Until then it may be used stale, as its class allows. */
  readonly keptUntilMs: number;
  readonly tags: readonly string[];
  readonly groups: readonly string[];
  readonly sizeBytes: number;
  /** Set by a hit, cleared by the eviction's sweep (second chance). */
  used: boolean;
}

/** Fixed cost of an entry beside its key and value: the object, its place in the map and in its groups. */
const entryOverheadBytes = 240;

export interface NewEntry {
  key: string;
  policy: CompiledClass;
  stored: StoredValue;
  version: number | undefined;
  nowMs: number;
  ttlMs: number;
  tags: readonly string[];
  groups: readonly string[];
}

/** Builds an entry whose ttl is already jittered and capped. */
export function newEntry(given: NewEntry): Entry {
  const { policy, nowMs, ttlMs } = given;
  const freshUntilMs = nowMs + ttlMs;
  return {
    key: given.key,
    policy,
    stored: given.stored,
    version: given.version,
    storedAtMs: nowMs,
    freshUntilMs,
    keptUntilMs: freshUntilMs + staleWindowMs(policy),
    tags: given.tags,
    groups: given.groups,
    sizeBytes: entryOverheadBytes + given.key.length * 2 + sizeOf(given.stored),
    used: false,
  };
}

/** How long past its ttl a value of this class may still be of use. */
export function staleWindowMs(policy: CompiledClass): number {
  return Math.max(policy.staleWhileRevalidateMs, policy.staleIfErrorMs);
}

/** The class's ttl, or the one given, shortened by the class's jitter; `random` is from 0 to 1. */
export function jitteredTtlMs(policy: CompiledClass, ttlSeconds: number | undefined, random: number): number {
  const ttlMs = ttlSeconds === undefined ? policy.ttlMs : ttlSeconds * 1000;
  return Math.max(1, ttlMs * (1 - policy.jitter * random));
}
