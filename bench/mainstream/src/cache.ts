import KeyvRedis, { createClient, Keyv } from '@keyv/redis';
import { createCache, type Cache } from 'cache-manager';
import { createKeyv } from 'cacheable';
import type { CacheTiers } from './environment.js';

export const balanceTtlMs = 60_000;
export const historyTtlMs = 300_000;
const memoryEntries = 50_000;

export const balanceKey = (userId: string): string => `balance:${userId}`;
/** Only the first page of the usual size is kept: nothing else could be deleted by name. */
export const historyKey = (userId: string): string => `history:${userId}`;

export interface OpenedCache {
  readonly cache: Cache;
  /** What a money movement makes stale, of both its parties. */
  forget(userIds: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** While Redis is away its commands fail at once, and cache-manager goes on without it. */
export async function openCache(url: string, tiers: CacheTiers): Promise<OpenedCache> {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: { connectTimeout: 2_000, reconnectStrategy: (attempts) => Math.min(50 * 2 ** attempts, 2_000) },
  });
  // Without a listener the loss of the connection would end the process; the client reconnects by itself.
  client.on('error', () => undefined);
  await client.connect();
  const redis = new Keyv({ store: new KeyvRedis(client, { throwOnConnectError: false }), useKeyPrefix: false });
  redis.on('error', () => undefined);
  const memory = createKeyv({ ttl: balanceTtlMs, lruSize: memoryEntries });
  const cache = createCache({ stores: tiers === 'redis' ? [redis] : [memory, redis] });
  return {
    cache,
    async forget(userIds) {
      await cache.mdel(userIds.flatMap((id) => [balanceKey(id), historyKey(id)]));
    },
    async close() {
      client.destroy();
    },
  };
}
