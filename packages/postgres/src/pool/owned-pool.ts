import pg from 'pg';
import type { ResolvedOptions } from '../options.js';
import { columnTypes } from '../column-types.js';
import type { PoolLike } from './pool-like.js';

/** The driver's settings for one session of ours, be it in the pool or the one that listens. */
export function clientConfig(options: ResolvedOptions): pg.ClientConfig {
  const { connection } = options;
  return {
    ...(options.connectionString === undefined ? {} : { connectionString: options.connectionString }),
    ...definedOnly(connection),
    application_name: options.applicationName,
    keepAlive: true,
    statement_timeout: options.statementTimeoutMs === 0 ? false : options.statementTimeoutMs,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs,
    connectionTimeoutMillis: options.connectTimeoutMs,
    types: columnTypes as pg.CustomTypesConfig,
  };
}

/**
 * A pool of our own. The gate before it decides how many connections are out, so the driver's limit is the highest
 * that the gate may ever set.
 */
export function createOwnedPool(options: ResolvedOptions): PoolLike {
  const { connectionTimeoutMillis, ...config } = clientConfig(options);
  // Told to the pool, the limit would cost a timer at every check-out, of idle connections too; the client needs it once.
  class BoundedClient extends pg.Client {
    constructor(given?: pg.ClientConfig) {
      super({ ...given, connectionTimeoutMillis });
    }
  }
  const pool = new pg.Pool({
    ...config,
    Client: BoundedClient as never,
    max: options.maxPoolSize,
    idleTimeoutMillis: options.idleTimeoutMs,
    // A process that has nothing left to do but idle connections may end.
    allowExitOnIdle: true,
  });
  // An idle connection that breaks is replaced on the next demand; it is worth a line, not the process.
  pool.on('error', (error) => {
    options.logger.warn(
      { code: (error as { code?: string }).code, reason: error.message },
      'an idle database connection was lost',
    );
  });
  return pool;
}

function definedOnly(connection: ResolvedOptions['connection']): pg.ClientConfig {
  return Object.fromEntries(Object.entries(connection).filter(([, value]) => value !== undefined));
}
