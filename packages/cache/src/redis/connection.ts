import { CacheError } from '../errors.js';

/** Where Redis (or Valkey) is: one server, a set of sentinels, or a cluster. */
export type RedisConnectionOptions =
  | {
      /** `redis://[user:password@]host:port[/database]`, or `rediss://` for TLS. */
      readonly url: string;
      /** A certificate authority beyond the system's, PEM, for `rediss://`. */
      readonly certificateAuthority?: string;
    }
  | {
      readonly host: string;
      readonly port?: number;
      readonly username?: string;
      readonly password?: string;
      readonly database?: number;
      readonly tls?: boolean;
    }
  | {
      readonly sentinels: readonly { readonly host: string; readonly port: number }[];
      /** Name of the master that the sentinels watch. */
      readonly name: string;
      readonly username?: string;
      readonly password?: string;
      readonly sentinelPassword?: string;
      readonly database?: number;
      /** For the master and for the sentinels. */
      readonly tls?: boolean;
    }
  | {
      readonly cluster: readonly { readonly host: string; readonly port: number }[];
      readonly username?: string;
      readonly password?: string;
      readonly tls?: boolean;
    };

/** Refuses what can never connect, by name. A URL holds a password, so the refusal does not repeat it. */
export function checkConnection(connection: RedisConnectionOptions): RedisConnectionOptions {
  if ('url' in connection) {
    const protocol = URL.canParse(connection.url) ? new URL(connection.url).protocol : '';
    if (protocol !== 'redis:' && protocol !== 'rediss:') throw invalid('url: allowed is redis://… or rediss://…');
  } else if ('cluster' in connection) {
    if (connection.cluster.length === 0) throw invalid('cluster: at least one node is needed');
  } else if ('sentinels' in connection) {
    if (connection.sentinels.length === 0) throw invalid('sentinels: at least one is needed');
    if (!connection.name) throw invalid('name: the name of the master is needed');
  } else if (!connection.host) {
    throw invalid('host: must not be empty');
  }
  return connection;
}

function invalid(message: string): CacheError {
  return new CacheError('cache_option_invalid', `redis.${message}`);
}
