import type { CompiledClass } from './key-class.js';

/** A load that failed a moment ago: until `retryAtMs` its error stands for the loads that are not run. */
export interface FailedLoad {
  readonly error: unknown;
  readonly retryAtMs: number;
  readonly tags: readonly string[];
  /** Failures in a row. */
  readonly failures: number;
}

/** Keys whose failures are remembered; past this the one that failed first is forgotten and is simply tried again. */
const maxRemembered = 1_000;
/** The wait doubles with each failure in a row, up to this many times the class's first one. */
const mostDoublings = 6;

/**
 * Loads that failed, by key, so that a source in trouble is asked less and less often and not once for each request. An
 * invalidation ends the wait: what it told of may be the mending.
 */
export class FailedLoads {
  private readonly byKey = new Map<string, FailedLoad>();

  /** `random` is from 0 to 1: it takes away up to half of the wait, so that many instances do not come back together. */
  note(
    key: string,
    policy: CompiledClass,
    tags: readonly string[],
    failed: { error: unknown; nowMs: number; random: number },
  ): void {
    if (policy.retryAfterErrorMs === 0) return;
    const failures = (this.byKey.get(key)?.failures ?? 0) + 1;
    const waitMs = policy.retryAfterErrorMs * 2 ** Math.min(failures - 1, mostDoublings) * (1 - failed.random / 2);
    // Re-inserted at the end, so the first of the map is the one that failed longest ago.
    this.byKey.delete(key);
    this.byKey.set(key, { error: failed.error, retryAtMs: failed.nowMs + waitMs, tags, failures });
    if (this.byKey.size <= maxRemembered) return;
    for (const oldest of this.byKey.keys()) {
      this.byKey.delete(oldest);
      return;
    }
  }

  /** The failure that `key` still waits after; undefined when it may be loaded. */
  waiting(key: string, nowMs: number): FailedLoad | undefined {
    if (this.byKey.size === 0) return undefined;
    const failed = this.byKey.get(key);
    return failed && failed.retryAtMs > nowMs ? failed : undefined;
  }

  /** The key was loaded, or what it is loaded from has changed. */
  forget(key: string): void {
    this.byKey.delete(key);
  }

  /** Cost: the failures that are remembered. */
  forgetWhere(accepts: (key: string, tags: readonly string[]) => boolean): void {
    for (const [key, { tags }] of this.byKey) if (accepts(key, tags)) this.byKey.delete(key);
  }

  clear(): void {
    this.byKey.clear();
  }
}
