import type { CompiledClass } from './key-class.js';

/** A ttl that would serve better, with the figures it follows from. */
export interface TtlAdvice {
  readonly ttlSeconds: number;
  readonly reason: string;
}

/** Fewer loads than this say nothing. */
const enoughLoads = 100;
/** At most this share of all misses may come from invalidations for a longer ttl to help. */
const mostlyExpired = 0.5;
/** A share of reloads that found what had been there before. */
const mostlyUnchanged = 0.9;
const mostlyChanged = 0.5;

/**
 * Advice from what the class saw: where reloads nearly always find the value unchanged and misses come from expiry, a longer ttl
 * saves loads; where they mostly find another value and nothing invalidates the class, a shorter one shows fewer old values.
 */
export function adviseTtl(policy: CompiledClass): TtlAdvice | undefined {
  const { counters } = policy;
  if (counters.comparedReloads < enoughLoads) return undefined;
  const unchanged = counters.unchangedReloads / counters.comparedReloads;
  const expired = 1 - Math.min(1, counters.invalidations / Math.max(1, counters.loads));
  const ttlSeconds = policy.ttlMs / 1000;
  const percent = Math.round(unchanged * 100);
  const median = counters.medianLoadMs() ?? 0;
  if (unchanged >= mostlyUnchanged && expired >= mostlyExpired) {
    const saved = Math.round((counters.comparedReloads / 2) * median);
    return {
      ttlSeconds: ttlSeconds * 2,
      reason: `${percent} % of ${counters.comparedReloads} reloads found the value unchanged; twice the ttl would have saved about ${saved} ms of loading`,
    };
  }
  if (unchanged <= mostlyChanged && counters.invalidations === 0 && !policy.strict) {
    return {
      ttlSeconds: Math.max(1, Math.round(ttlSeconds / 2)),
      reason: `only ${percent} % of ${counters.comparedReloads} reloads found the value unchanged and nothing invalidates this class, so old values are shown`,
    };
  }
  return undefined;
}
