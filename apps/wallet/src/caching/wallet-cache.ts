import {
  CacheService,
  PostgresCommitLog,
  type CacheCall,
  type KeyClass,
  type Logger,
  type RedisConnectionOptions,
} from '@dunlin/cache';
import type { Database } from '@dunlin/postgres';
import type { PrincipalState } from '../accounts/user.js';
import type { LedgerCommit } from '../ledger/ledger.js';

/** How long each class of answers is kept; see docs/operations.md for the variables that set them. */
export interface CacheTtls {
  publicKeysTtlSeconds: number;
  walletBalanceTtlSeconds: number;
  transactionHistoryTtlSeconds: number;
}

export interface WalletCacheOptions {
  /** Connections to the wallet's own database, for the lease and the commit log alone. */
  commitLog: Database;
  redis: RedisConnectionOptions | undefined;
  /** Which history of the database the values in Redis belong to; see `databaseHistory`. */
  history: string | undefined;
  ttls: CacheTtls;
  memoryMaxBytes: number;
  logger: Logger;
  onCall: (call: CacheCall) => void;
}

/** What a principal may do changes rarely and is told at once; this only bounds how long an unread one lies in memory. */
const principalTtlSeconds = 300;

/**
 * What the wallet keeps, and how strictly. Money and standing are *strict*: served only while this instance holds its
 * lease, so no read that starts after an acknowledged write shows what was before it (docs/cache.md).
 */
function keyClasses(ttls: CacheTtls): KeyClass[] {
  return [
    { name: 'principal', pattern: 'user:{id}:principal', ttlSeconds: principalTtlSeconds, strict: true },
    { name: 'wallet-balance', pattern: 'user:{id}:balance', ttlSeconds: ttls.walletBalanceTtlSeconds, strict: true },
    {
      name: 'transaction-history',
      pattern: 'user:{id}:history:{query}',
      ttlSeconds: ttls.transactionHistoryTtlSeconds,
      strict: true,
    },
    {
      name: 'public-keys',
      pattern: 'public-keys:{query}',
      ttlSeconds: ttls.publicKeysTtlSeconds,
      jitter: 0.1,
      staleIfErrorSeconds: 300,
    },
  ];
}

export const balanceKey = (userId: string): string => `user:${userId}:balance`;
export const historyKeys = (userId: string): string => `user:${userId}:history:*`;
export const principalKey = (userId: string): string => `user:${userId}:principal`;
export const publicKeysPattern = 'public-keys:*';

/** The wallet's cache over its own database's commit log. Connects to nothing yet. */
export function createWalletCache(options: WalletCacheOptions): CacheService {
  return new CacheService({
    ...(options.redis === undefined ? {} : { redis: options.redis }),
    classes: keyClasses(options.ttls),
    memory: { maxBytes: options.memoryMaxBytes },
    commitLog: new PostgresCommitLog({ database: options.commitLog, notifications: options.commitLog }),
    ...(options.history === undefined ? {} : { namespace: `dunlin-${options.history}` }),
    instanceName: 'wallet',
    logger: options.logger,
    onCall: options.onCall,
  });
}

/**
 * Tells the cache, and through it every instance, what a ledger commit changed; resolves when it may be acknowledged. Where the commit
 * knows the new balance, the kept answer is rewritten with it by `rewriteBalance` instead of being forgotten.
 */
export async function announceCommit(
  cache: CacheService,
  commit: LedgerCommit,
  rewriteBalance: BalanceRewrite,
): Promise<void> {
  const changes = commit.changes.flatMap(({ accountId, version, posted }) => {
    const balance = { key: balanceKey(accountId), version: Number(version) };
    const rewrite = (kept: unknown, keptVersion: number): unknown =>
      posted !== undefined && BigInt(keptVersion) === posted.versionBefore
        ? rewriteBalance(kept, { version, ...posted })
        : undefined;
    return [posted === undefined ? balance : { ...balance, rewrite }, { key: historyKeys(accountId) }];
  });
  await cache.afterCommit({ published: commit.published, changes });
}

/** The answer of a balance as it is kept, brought to what the account's row says now; undefined to have it forgotten. */
export type BalanceRewrite = (kept: unknown, posted: { version: bigint; balance: bigint; held: bigint }) => unknown;

/** A commit whose outcome nobody knows: what it may have changed is forgotten. */
export async function announceUnknownOutcome(cache: CacheService, accountIds: readonly string[]): Promise<void> {
  const changes = accountIds.flatMap((id) => [{ key: balanceKey(id) }, { key: historyKeys(id) }]);
  await cache.afterUnknownOutcome({ changes });
}

/** After a user's standing has changed: resolves when no instance goes by what it knew before. */
export async function forgetPrincipal(cache: CacheService, userId: string): Promise<void> {
  await cache.delete(principalKey(userId));
}

/** A principal's standing from the cache, at once where memory has it, else from `load`. */
export function cachedPrincipals(
  cache: CacheService,
  load: (userId: string) => Promise<PrincipalState | undefined>,
): (userId: string) => PrincipalState | undefined | Promise<PrincipalState | undefined> {
  return (userId) => {
    const key = principalKey(userId);
    const known = cache.getFromMemory(key);
    if (known !== undefined) return (known.value as PrincipalState | null) ?? undefined;
    return cache
      .getOrSet<PrincipalState | null>(key, async () => (await load(userId)) ?? null)
      .then((state) => state ?? undefined);
  };
}
