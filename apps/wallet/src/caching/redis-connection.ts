import type { RedisConnectionOptions } from '@dunlin/cache';
import type { RedisConfig } from '../config/redis-config.js';

/** The configured Redis as the cache names it; undefined when there is none. */
export function redisConnection(config: RedisConfig): RedisConnectionOptions | undefined {
  switch (config.kind) {
    case 'none':
      return undefined;
    case 'single':
      return { url: config.url };
    case 'sentinel':
      return {
        sentinels: config.sentinels,
        name: config.masterName,
        database: config.database,
        tls: config.tls,
        ...(config.sentinelPassword === undefined ? {} : { sentinelPassword: config.sentinelPassword }),
        ...login(config),
      };
    case 'cluster':
      return { cluster: config.nodes, tls: config.tls, ...login(config) };
  }
}

function login({ username, password }: { username: string | undefined; password: string | undefined }): {
  username?: string;
  password?: string;
} {
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
}
