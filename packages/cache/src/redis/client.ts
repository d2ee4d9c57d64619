import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import type { RedisConnectionOptions } from './connection.js';

/** The client in use; everything else in this folder speaks to it through these few calls. */
export type RedisClient = Redis | Cluster;

export interface ClientOptions {
  readonly commandTimeoutMs: number;
  /** A connection that subscribes has no command timeout; it is subscribed again by `keepSubscribed`. */
  readonly forMessages: boolean;
}

const firstRetryMs = 50;
const longestRetryMs = 2_000;

/** Makes a client that connects when told to, never queues while it is away, and reconnects for ever with a bounded, jittered delay. */
export function makeClient(connection: RedisConnectionOptions, options: ClientOptions): RedisClient {
  const shared = commonOptions(options);
  if ('cluster' in connection) return makeCluster(connection, shared);
  if ('sentinels' in connection) {
    const { sentinels, name, username, password, sentinelPassword, database, tls } = connection;
    return new Redis({
      ...shared,
      sentinels: [...sentinels],
      name,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
      ...(tls ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
      db: database ?? 0,
    });
  }
  if ('url' in connection) {
    const { certificateAuthority: ca } = connection;
    return new Redis(connection.url, { ...shared, ...(ca === undefined ? {} : { tls: { ca } }) });
  }
  const { host, port, username, password, database, tls } = connection;
  return new Redis({
    ...shared,
    host,
    port: port ?? 6379,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
    db: database ?? 0,
  });
}

function commonOptions(options: ClientOptions): RedisOptions {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // Whoever listens subscribes anew himself (`keepSubscribed`). The client's own attempt is a promise that nobody holds: where the server dies
    // between the two, its rejection ends the process.
    autoResubscribe: false,
    enableReadyCheck: true,
    connectTimeout: Math.max(1_000, options.commandTimeoutMs * 4),
    retryStrategy: retryDelay,
    ...(options.forMessages ? {} : { commandTimeout: options.commandTimeoutMs }),
  };
}

function makeCluster(connection: Extract<RedisConnectionOptions, { cluster: unknown }>, shared: RedisOptions): Cluster {
  const { lazyConnect: _lazy, enableOfflineQueue: _queue, retryStrategy: _retry, ...perNode } = shared;
  const { username, password, tls } = connection;
  const options: ClusterOptions = {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelay,
    slotsRefreshTimeout: 2_000,
    redisOptions: {
      ...perNode,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(tls ? { tls: {} } : {}),
    },
  };
  return new Cluster([...connection.cluster], options);
}

function retryDelay(attempt: number): number {
  return Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(attempt, 8)) * (0.5 + Math.random() / 2);
}
