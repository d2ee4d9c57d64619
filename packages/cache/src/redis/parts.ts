import type { CacheCore, Listening } from '../core.js';
import type { RedisConnectionOptions } from './connection.js';
import type { SharedTier } from './shared-tier.js';

/** What `connectRedis` opened. */
export interface RedisParts {
  readonly tier: SharedTier;
  /** Absent where a commit log carries the news. */
  readonly bus: Listening | undefined;
  close(): Promise<void>;
}

export interface RedisPartsOptions {
  /** Whether invalidations are announced over Redis. */
  readonly announce: boolean;
  readonly onState: (state: 'ready' | 'away') => void;
  readonly onStartOver: () => void;
}

export async function connectRedis(
  _connection: RedisConnectionOptions,
  _core: CacheCore,
  _options: RedisPartsOptions,
): Promise<RedisParts> {
  throw new Error('not yet');
}
