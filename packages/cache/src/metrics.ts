import type { TierCounts } from './counters.js';
import type { CompiledClass } from './key-class.js';
import { adviseTtl, type TtlAdvice } from './ttl-advice.js';

/** Figures of one key class since the start or the last reset; rates in percent, times in ms. */
export interface ClassMetrics {
  readonly name: string;
  readonly pattern: string;
  readonly ttlSeconds: number;
  readonly strict: boolean;
  readonly hits: number;
  readonly misses: number;
  readonly hitRate: number;
  readonly staleHits: number;
  readonly joined: number;
  readonly fenced: number;
  readonly invalidations: number;
  /** Lookups that were spared a load because one of their key had just failed. */
  readonly backedOff: number;
  readonly loads: number;
  readonly loadErrors: number;
  /** Mean and median cost of a load; undefined before the first. */
  readonly averageLoadMs: number | undefined;
  readonly medianLoadMs: number | undefined;
  readonly memory: Readonly<TierCounts>;
  readonly redis: Readonly<TierCounts>;
  readonly advice: TtlAdvice | undefined;
}

/** Figures of the service since the start or the last reset. `hits` and `misses` count lookups; the tiers count their own. */
export interface CacheMetrics {
  readonly hits: number;
  readonly misses: number;
  readonly sets: number;
  readonly deletes: number;
  readonly errors: number;
  readonly evictions: number;
  readonly staleHits: number;
  readonly joined: number;
  readonly fenced: number;
  /** Percent, 0 before the first lookup. */
  readonly hitRate: number;
  readonly tiers: {
    readonly memory: Readonly<TierCounts> & { readonly entries: number };
    readonly redis: Readonly<TierCounts> & { readonly state: 'absent' | 'ready' | 'away' };
  };
  readonly classes: readonly ClassMetrics[];
}

/** Adds up all classes. Cost: a few hundred numbers and a sort of 64 for each class. */
export function measure(
  classes: readonly CompiledClass[],
  levels: { entries: number; redis: 'absent' | 'ready' | 'away' },
): CacheMetrics {
  const measured = classes.map(measureClass);
  const memory = sumTiers(measured.map((one) => one.memory));
  const redis = sumTiers(measured.map((one) => one.redis));
  const hits = total(measured, (one) => one.hits);
  const misses = total(measured, (one) => one.misses);
  return {
    hits,
    misses,
    sets: memory.sets + redis.sets,
    deletes: memory.deletes + redis.deletes,
    errors: memory.errors + redis.errors + total(measured, (one) => one.loadErrors),
    evictions: memory.evictions + redis.evictions,
    staleHits: total(measured, (one) => one.staleHits),
    joined: total(measured, (one) => one.joined),
    fenced: total(measured, (one) => one.fenced),
    hitRate: percentage(hits, misses),
    tiers: { memory: { ...memory, entries: levels.entries }, redis: { ...redis, state: levels.redis } },
    classes: measured,
  };
}

/** Hits of all lookups in percent, 0 before the first. */
export function percentage(hits: number, misses: number): number {
  return hits + misses === 0 ? 0 : (hits / (hits + misses)) * 100;
}

function measureClass(policy: CompiledClass): ClassMetrics {
  const { counters } = policy;
  const { hits, misses, staleHits, joined, fenced, invalidations, backedOff, loads, loadErrors } = counters;
  return {
    name: policy.name,
    pattern: policy.pattern,
    ttlSeconds: policy.ttlMs / 1000,
    strict: policy.strict,
    hits,
    misses,
    hitRate: percentage(hits, misses),
    staleHits,
    joined,
    fenced,
    invalidations,
    backedOff,
    loads,
    loadErrors,
    averageLoadMs: loads === 0 ? undefined : counters.loadMsTotal / loads,
    medianLoadMs: counters.medianLoadMs(),
    memory: { ...counters.memory },
    redis: { ...counters.redis },
    advice: adviseTtl(policy),
  };
}

function sumTiers(tiers: readonly Readonly<TierCounts>[]): TierCounts {
  const sum: TierCounts = { hits: 0, misses: 0, sets: 0, deletes: 0, errors: 0, evictions: 0, bytes: 0 };
  for (const tier of tiers) for (const name of Object.keys(sum) as (keyof TierCounts)[]) sum[name] += tier[name];
  return sum;
}

function total(classes: readonly ClassMetrics[], figure: (one: ClassMetrics) => number): number {
  return classes.reduce((sum, one) => sum + figure(one), 0);
}
