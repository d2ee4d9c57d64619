/** Where a contestant is to keep its values. */
export type Tier =
  /** In this process only. */
  | 'memory'
  /** In Redis only, so that every read goes there. */
  | 'redis'
  /** Both, as the library recommends for production. */
  | 'both';

export interface ContestantSettings {
  readonly tier: Tier;
  readonly redisUrl: string;
  /** Stands in every name in Redis. */
  readonly mark: string;
}

/** What the questions ask of a cache. What a library cannot do is left out and not asked of it. */
export interface KeyedCache {
  /** The value, or a promise of it. */
  get(key: string): unknown;
  set(key: string, value: unknown, tags?: readonly string[]): unknown;
  /** The cached value or the loader's. */
  getOrLoad?(key: string, loader: () => Promise<unknown>, tags?: readonly string[]): Promise<unknown>;
  /** Keeps a value in such a way that `removeGroup` reaches it. */
  setInGroup?(group: string, name: string, value: unknown): Promise<unknown>;
  /** Removes everything of a group. */
  removeGroup?(group: string): Promise<unknown>;
  removeTag?(tag: string): Promise<unknown>;
  close(): Promise<void>;
}

/** Opens a contestant; each library's file exports one or more. */
export type OpenContestant = (settings: ContestantSettings) => Promise<KeyedCache>;

/** Ttl of everything, in seconds: long enough that nothing expires during a run. */
export const ttlSeconds = 3_600;
/** Bound of the memory tier, the same for all that have one. */
export const maxEntries = 200_000;
