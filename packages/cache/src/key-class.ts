import { CacheError } from './errors.js';
import { ClassCounters } from './counters.js';

/** A family of keys that share a policy. */
export interface KeyClass {
  /** Names the class in metrics; unique. */
  readonly name: string;
  /** Segments between colons; `{x}` stands for any one segment, in last place for the whole rest. `user:{id}:balance` */
  readonly pattern: string;
  /** How long a value is fresh. Above 0. */
  readonly ttlSeconds: number;
  /** Share of the ttl by which it is shortened at random, 0 to 0.5, so that keys do not expire together. Default 0. */
  readonly jitter?: number;
  /** How long after its ttl a value may be served while one background load replaces it. Never with `strict`. Default 0. */
  readonly staleWhileRevalidateSeconds?: number;
  /** How long after its ttl a value may be served when the loader fails. Never with `strict`. Default 0. */
  readonly staleIfErrorSeconds?: number;
  /**
   * How long after a failed load callers get its error, or a stale value where the class allows one, instead of a load of
   * their own; doubled with each failure in a row up to 64 times, shortened at random by up to half. 0 turns it off; never
   * with `strict`. Default 50.
   */
  readonly retryAfterErrorMs?: number;
  /** Money: never served stale, only from memory and only under a lease (docs/cache.md). Default false. */
  readonly strict?: boolean;
  /** Where values are kept. Default both; `strict` classes are kept in memory only. */
  readonly tiers?: 'both' | 'memory' | 'redis';
}

/** A class that was checked and made ready for matching. */
export interface CompiledClass {
  readonly name: string;
  readonly pattern: string;
  readonly ttlMs: number;
  readonly jitter: number;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  readonly retryAfterErrorMs: number;
  readonly strict: boolean;
  readonly inMemory: boolean;
  readonly inRedis: boolean;
  readonly matches: (key: string) => boolean;
  readonly counters: ClassCounters;
}

/** Name of the class of every key that matches no declared one. */
export const defaultClassName = 'default';

/** All classes of a service, and the groups that a key belongs to. */
export class KeyClasses {
  readonly all: readonly CompiledClass[];
  private readonly fallback: CompiledClass;
  private readonly wholeFamilies = new Set<string>();

  constructor(classes: readonly KeyClass[], defaultTtlSeconds: number) {
    const declared = classes.map(compile);
    const names = new Set<string>();
    for (const one of declared) {
      if (names.has(one.name)) throw invalid(`classes: the name ${one.name} is used twice`);
      names.add(one.name);
      const segments = one.pattern.split(':');
      if (segments.length === 2 && segments[0] && isParameter(segments[1])) this.wholeFamilies.add(segments[0]);
    }
    this.fallback = compile({ name: defaultClassName, pattern: '{rest}', ttlSeconds: defaultTtlSeconds });
    this.all = names.has(defaultClassName) ? declared : [...declared, this.fallback];
  }

  /** The first declared class that matches, else the default. Cost: one regular expression a class. */
  of(key: string): CompiledClass {
    for (const one of this.all) if (one.matches(key)) return one;
    return this.fallback;
  }

  /**
   * Prefixes under which `key` can be removed at once: each that ends after the second segment or a later one
   * (`user:123:` for `user:123:balance`), and the first segment where a class `name:{x}` declares it.
   * A function of the key alone, so every instance with the same classes agrees on it.
   */
  groupsOf(key: string): readonly string[] {
    const first = key.indexOf(':');
    if (first < 0) return noGroups;
    const groups: string[] = [];
    if (this.wholeFamilies.has(key.slice(0, first))) groups.push(key.slice(0, first + 1));
    for (let at = key.indexOf(':', first + 1); at >= 0 && groups.length < maxGroups; at = key.indexOf(':', at + 1)) {
      groups.push(key.slice(0, at + 1));
    }
    return groups;
  }

  /** The group that `pattern` names (`user:123:*` → `user:123:`), or undefined when it must be searched for. */
  groupOfPattern(pattern: string): string | undefined {
    if (!pattern.endsWith(':*')) return undefined;
    const prefix = pattern.slice(0, -1);
    if (/[*?[\]\\]/.test(prefix)) return undefined;
    const probe = this.groupsOf(prefix);
    return probe[probe.length - 1] === prefix ? prefix : undefined;
  }

  /** What keys of one group share, so that they share a slot of a Redis Cluster: the first two segments, or the whole key. */
  slotOf(key: string): string {
    const first = key.indexOf(':');
    if (first < 0) return key;
    if (this.wholeFamilies.has(key.slice(0, first))) return key.slice(0, first);
    const second = key.indexOf(':', first + 1);
    return second < 0 ? key : key.slice(0, second);
  }
}

const noGroups: readonly string[] = [];
/** A key of more segments than this is grouped by its first ones only. */
const maxGroups = 6;
const defaultRetryAfterErrorMs = 50;

function compile(given: KeyClass): CompiledClass {
  const where = `classes: ${given.name || '(unnamed)'}`;
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(given.name)) throw invalid(`${where}: name must be lower-case words with dashes`);
  if (!given.pattern) throw invalid(`${where}: pattern must not be empty`);
  const strict = given.strict ?? false;
  const jitter = given.jitter ?? 0;
  const swr = given.staleWhileRevalidateSeconds ?? 0;
  const sie = given.staleIfErrorSeconds ?? 0;
  if (!(given.ttlSeconds > 0 && Number.isFinite(given.ttlSeconds)))
    throw invalid(`${where}: ttlSeconds must be above 0`);
  if (!(jitter >= 0 && jitter <= 0.5)) throw invalid(`${where}: jitter must be from 0 to 0.5`);
  if (!(swr >= 0) || !(sie >= 0)) throw invalid(`${where}: stale windows must not be negative`);
  if (strict && (swr > 0 || sie > 0)) throw invalid(`${where}: a strict class is never served stale`);
  const retryAfterErrorMs = given.retryAfterErrorMs ?? (strict ? 0 : defaultRetryAfterErrorMs);
  if (!(retryAfterErrorMs >= 0 && retryAfterErrorMs <= 60_000))
    throw invalid(`${where}: retryAfterErrorMs must be from 0 to 60000`);
  if (strict && retryAfterErrorMs > 0) throw invalid(`${where}: a strict class loads again at once after an error`);
  if (strict && (given.tiers ?? 'memory') !== 'memory')
    throw invalid(`${where}: a strict class is kept in memory only`);
  const tiers = strict ? 'memory' : (given.tiers ?? 'both');
  return {
    name: given.name,
    pattern: given.pattern,
    ttlMs: given.ttlSeconds * 1000,
    jitter,
    staleWhileRevalidateMs: swr * 1000,
    staleIfErrorMs: sie * 1000,
    retryAfterErrorMs,
    strict,
    inMemory: tiers !== 'redis',
    inRedis: tiers !== 'memory',
    matches: matcher(given.pattern),
    counters: new ClassCounters(),
  };
}

function matcher(pattern: string): (key: string) => boolean {
  const segments = pattern.split(':');
  const source = segments.map((segment, index) => {
    if (!isParameter(segment)) return segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return index === segments.length - 1 ? '.+' : '[^:]+';
  });
  const expression = new RegExp(`^${source.join(':')}$`, 's');
  return (key) => expression.test(key);
}

function isParameter(segment: string | undefined): boolean {
  return segment !== undefined && /^\{[^{}]+\}$/.test(segment);
}

function invalid(message: string): CacheError {
  return new CacheError('cache_option_invalid', message);
}
