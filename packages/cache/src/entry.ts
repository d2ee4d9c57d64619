import type { CompiledClass } from './key-class.js';
import { sizeOf, type StoredValue } from './value.js';

/** One value in memory. Times are on the service's monotonic clock. */
export interface Entry {
  readonly key: string;
  readonly policy: CompiledClass;
  readonly stored: StoredValue;
  /** What a caller gets of a JSON value; it stands here as well so that a hit need not look into `stored`. Undefined for bytes. */
  readonly value: unknown;
  /** The data's own version, where it has one: never replaced by a lower. */
  readonly version: number | undefined;
  readonly storedAtMs: number;
  /** Until then the value is fresh. In whole milliseconds, cut off: a fraction would lie in an object of its own, and be one more to fetch at each hit. */
  readonly freshUntilMs: number;
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
  const freshUntilMs = Math.floor(nowMs + ttlMs);
  return {
    key: given.key,
    policy,
    stored: given.stored,
    value: given.stored.kind === 'json' ? given.stored.value : undefined,
    version: given.version,
    storedAtMs: nowMs,
    freshUntilMs,
    tags: given.tags,
    groups: given.groups,
    sizeBytes: entryOverheadBytes + given.key.length * 2 + sizeOf(given.stored),
    used: false,
  };
}

/** The class's ttl, or the one given, shortened by the class's jitter; `random` is from 0 to 1. */
export function jitteredTtlMs(policy: CompiledClass, ttlSeconds: number | undefined, random: number): number {
  const ttlMs = ttlSeconds === undefined ? policy.ttlMs : ttlSeconds * 1000;
  return Math.max(1, ttlMs * (1 - policy.jitter * random));
}
