import type { CacheService } from './cache-service.js';

/** The methods of a `CacheService` that the store calls. */
export type KeyvBacking = Pick<CacheService, 'get' | 'getMany' | 'set' | 'delete' | 'exists' | 'deletePattern'>;

/** Keys that one `deleteMany` removes at a time. */
const deletedAtOnce = 100;

/**
 * A storage adapter for Keyv 5 over a `CacheService`, for code that speaks Keyv: `new Keyv({ store: new KeyvStore(cache) })`, a store for each Keyv.
 *
 * Keyv writes its keys as `<namespace>:<key>` (leave its `useKeyPrefix` on: `clear` goes by it), so a class `{ name: 'keyv', pattern: 'keyv:{key}', … }` gives them a policy of their own and
 * makes `clear` take effect at once. Keyv knows no loads: what comes over it has two tiers and invalidation, but neither single-flight nor
 * fenced fills, and it must not be used for money. A value whose ttl is not given gets the class's. The cache is borrowed and never closed.
 */
export class KeyvStore {
  /** Keyv puts its own settings here. */
  opts: Record<string, unknown> = { dialect: 'dunlin' };
  /** Set by Keyv; `clear` removes what lies under it. */
  namespace: string | undefined;

  constructor(private readonly cache: KeyvBacking) {}

  /** Keyv subscribes to `error`. Failures of Redis are counted and logged by the cache, never emitted; what else fails rejects the call. */
  on(_event: string, _listener: (...given: unknown[]) => void): this {
    return this;
  }

  /** Undefined for a missing key. Keyv wraps its values, so a null that somebody keeps arrives here inside an object. */
  async get<Value>(key: string): Promise<Value | undefined> {
    return (await this.cache.get<Value>(key)) ?? undefined;
  }

  /** One round trip for all keys that memory lacks. */
  async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    const values = await this.cache.getMany<Value>(keys);
    return values.map((value) => value ?? undefined);
  }

  /** `ttlMs` in milliseconds, as Keyv has it; 0 or less: nothing is kept. */
  async set(key: string, value: unknown, ttlMs?: number): Promise<boolean> {
    if (ttlMs !== undefined && !(ttlMs > 0)) {
      await this.cache.delete(key);
      return true;
    }
    return this.cache.set(key, value, ttlMs === undefined ? undefined : ttlMs / 1000);
  }

  delete(key: string): Promise<boolean> {
    return this.cache.delete(key);
  }

  /** Whether any of them was there. */
  async deleteMany(keys: string[]): Promise<boolean> {
    let removed = false;
    for (let at = 0; at < keys.length; at += deletedAtOnce) {
      const some = await Promise.all(keys.slice(at, at + deletedAtOnce).map((key) => this.cache.delete(key)));
      removed ||= some.includes(true);
    }
    return removed;
  }

  has(key: string): Promise<boolean> {
    return this.cache.exists(key);
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.cache.exists(key)));
  }

  /** Removes every key of the namespace; without one, nothing may be removed, for the cache belongs to others too. */
  async clear(): Promise<void> {
    if (this.namespace === undefined || this.namespace === '') {
      throw new TypeError('KeyvStore.clear needs a Keyv with a namespace: the cache may hold keys of others');
    }
    await this.cache.deletePattern(`${this.namespace.replace(/[*?[\]\\]/g, '\\$&')}:*`);
  }

  /** The cache is closed by who opened it. */
  disconnect(): Promise<void> {
    return Promise.resolve();
  }
}
