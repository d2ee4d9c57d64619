export { CacheService, type CacheEvents, type MemoryHit } from './cache-service.js';
export type { FilledBytes, OpenFill } from './open-fill.js';
export type { CacheCall, CacheServiceOptions } from './options.js';
export type { Clock } from './clock.js';
export { systemClock } from './clock.js';
export { CacheError, type CacheErrorCode } from './errors.js';
export type { KeyClass } from './key-class.js';
export type { Logger } from './logger.js';
export type { Loader, LoadContext, Lookup, LookupOptions } from './lookup.js';
export type { CacheMetrics, ClassMetrics } from './metrics.js';
export type { TierCounts } from './counters.js';
export type { TtlAdvice } from './ttl-advice.js';
export type { WarmItem, WarmOptions, WarmProgress } from './warm.js';
export type { CommittedChange, Committed, SetOptions } from './write-path.js';
export type { MemoryLimits } from './memory-tier.js';
export type { RedisConnectionOptions } from './redis/connection.js';
export type { Acknowledgement } from './coherence/acknowledgements.js';
export type {
  CommitLog,
  LoggedCommit,
  PeerLease,
  PublishedCommit,
  Renewal,
  RenewalRequest,
  StaleNames,
} from './coherence/commit-log.js';
export type { LeaseTimes } from './coherence/lease.js';
export {
  PostgresCommitLog,
  type NotificationSource,
  type PostgresCommitLogOptions,
  type Queryable,
} from './coherence/postgres-commit-log.js';
export { commitLogSchema } from './coherence/schema.js';
export {
  canonicalQuery,
  ownedBy,
  publicKeysPolicy,
  readyMadeClasses,
  readyMadeClassNames,
  transactionHistoryPolicy,
  walletBalancePolicy,
  type PolicyRequest,
  type PrincipalOptions,
  type ReadyMadeTtls,
  type ResponseCachePolicy,
} from './http/policy.js';
