/** Stable codes of what this package throws. Each stands in docs/cache.md. */
export type CacheErrorCode =
  | 'cache_option_invalid'
  | 'cache_value_unsupported'
  | 'cache_key_invalid'
  | 'commit_log_unavailable'
  | 'redis_unavailable'
  | 'redis_reply_unexpected';

/** Everything this package throws by itself. A loader's own error passes through unchanged. */
export class CacheError extends Error {
  constructor(
    readonly code: CacheErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'CacheError';
  }
}
