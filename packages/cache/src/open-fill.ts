import type { CacheCore } from './core.js';
import { CacheError } from './errors.js';
import type { Flight } from './flights.js';
import type { CompiledClass } from './key-class.js';

/** What a load gave: its bytes, which nobody may change afterwards, and how they may be kept. */
export interface FilledBytes {
  readonly bytes: Buffer;
  /** The data's own version: a value of a lower one never replaces one of a higher. */
  readonly version?: number;
  /** The value is good for at most this long, whatever the class says; 0 or less: it is not kept. */
  readonly capTtlSeconds?: number;
}

/**
 * A load that its caller runs by himself, fenced like any other: an invalidation that comes while it is open keeps its value out. Nobody
 * joins it. End it with exactly one of `keep` and `fail`.
 */
export class OpenFill {
  private readonly flight: Flight;
  private readonly openedMs: number;

  constructor(
    private readonly core: CacheCore,
    key: string,
    private readonly policy: CompiledClass,
  ) {
    this.flight = core.openFlight(key, []);
    this.openedMs = core.clock.monotonicMs();
  }

  /** Counts the load and keeps its value unless something newer is known; whether it was kept. Takes the bytes as they are. */
  keep({ bytes, version, capTtlSeconds = Infinity }: FilledBytes): boolean {
    const { core, policy, flight } = this;
    policy.counters.observeLoad(core.clock.monotonicMs() - this.openedMs);
    policy.counters.misses += 1;
    core.failedLoads.forget(flight.key);
    const ttlMs = Math.min(core.ttlMs(policy, undefined), capTtlSeconds * 1000);
    const kept = ttlMs > 0 && core.keep(flight, policy, { stored: { kind: 'bytes', bytes }, version, ttlMs });
    if (!flight.mayKeep(version)) policy.counters.fenced += 1;
    core.flights.close(flight);
    return kept;
  }

  /** Counts a load that failed. */
  fail(error: unknown): void {
    const { core, policy, flight } = this;
    policy.counters.loadErrors += 1;
    if (flight.joinable) {
      const nowMs = core.clock.monotonicMs();
      core.failedLoads.note(flight.key, policy, flight.tags, { error, nowMs, random: Math.random() });
    }
    core.flights.close(flight);
  }
}

/** The class of `key` for a fill of memory alone. @throws CacheError where Redis keeps the class as well, which such a fill would not tell. */
export function memoryClassOf(core: CacheCore, key: string): CompiledClass {
  const policy = core.classes.of(key);
  if (policy.inRedis && core.shared)
    throw new CacheError('cache_option_invalid', `openFill: ${policy.name} is kept in Redis too; use getOrSet`);
  return policy;
}
