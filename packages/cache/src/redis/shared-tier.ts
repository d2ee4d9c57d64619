import type { StoredValue } from '../value.js';

/** A value found in the shared tier. Times are remaining ones, so no two machines' clocks are compared. */
export interface SharedHit {
  readonly kind: 'hit';
  readonly stored: StoredValue;
  readonly version: number | undefined;
  readonly tags: readonly string[];
  /** Below 0: past its ttl, kept for the stale windows of its class. */
  readonly freshForMs: number;
  readonly ageMs: number;
}

/** `away`: the tier cannot answer now (no connection, breaker open, or a delete of this key is still owed). */
export type SharedRead = SharedHit | { readonly kind: 'miss' } | { readonly kind: 'away' };

/** The right to fill a key: void once the key, its group or one of its tags was invalidated, or Redis lost its memory. */
export interface FillClaim {
  readonly kind: 'claimed';
  readonly key: string;
  readonly fence: string;
  readonly stamps: string;
  readonly tags: readonly string[];
  readonly tagStamps: string;
  /** This process loads for all; the others wait for it at most `leaseMs`. */
  readonly leader: boolean;
  readonly leaseToken: string;
  readonly leaseMs: number;
}

export interface SharedFill {
  readonly stored: StoredValue;
  readonly version: number | undefined;
  readonly ttlMs: number;
  readonly staleMs: number;
}

/** The tier that instances share. No method rejects: what fails is `away` or false, counted and logged where it happened. */
export interface SharedTier {
  isHealthy(): boolean;
  /** Whether a message that is published after `removeGroup` or `removeTag` was called is heard only after it took effect. */
  readonly keepsOrder: boolean;
  read(key: string, tags: readonly string[] | undefined): Promise<SharedRead>;
  /**
   * Reads once more and, where nothing fresh is there, takes the fence and (if nobody has it) the load's lease in the same step. `force`
   * takes them whatever is there.
   */
  claim(
    key: string,
    tags: readonly string[],
    force: boolean,
  ): Promise<SharedHit | FillClaim | { readonly kind: 'away' }>;
  fill(claim: FillClaim, fill: SharedFill): Promise<'stored' | 'fenced' | 'away'>;
  /** Gives the lease back without a value; those who wait are told. */
  release(claim: FillClaim): Promise<void>;
  /** Resolves when the key was filled or released by another process, or after `waitMs`. */
  untilFilled(key: string, waitMs: number, signal?: AbortSignal): Promise<void>;
  set(key: string, tags: readonly string[], fill: SharedFill): Promise<boolean>;
  /** Live keys removed, or undefined: Redis could not be told; it is remembered and the tier does not answer for them. */
  remove(keys: readonly string[]): Promise<number | undefined>;
  removeGroup(group: string): Promise<number | undefined>;
  removeTag(tag: string): Promise<boolean>;
  /** By SCAN steps; undefined: it could not be carried through. */
  removeGlob(glob: string): Promise<number | undefined>;
  /** Replaces the remaining ttl of a fresh value. */
  retime(key: string, ttlMs: number, staleMs: number): Promise<boolean>;
  keysOfGroup(group: string): Promise<readonly string[] | undefined>;
}
