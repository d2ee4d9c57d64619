import type pg from 'pg';
import type { ResolvedOptions } from '../options.js';
import { columnTypes } from '../column-types.js';
import { PrimaryFinder } from '../primary/primary-finder.js';
import { PrimaryPool } from '../primary/primary-pool.js';
import type { Server } from '../primary/server-list.js';
import type { PoolLike } from './pool-like.js';

/** The driver's settings for one session of ours with this server, be it in the pool or the one that listens. */
export function clientConfig(options: ResolvedOptions, { connectionString }: Server): pg.ClientConfig {
  const { connection } = options;
  return {
    ...(connectionString === undefined ? {} : { connectionString }),
    ...definedOnly(connection),
    application_name: options.applicationName,
    keepAlive: true,
    // A pooler refuses settings at the start of a session, which would be those of whoever gets that session next.
    ...(options.directServers === undefined
      ? {
          statement_timeout: options.statementTimeoutMs === 0 ? false : options.statementTimeoutMs,
          idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs,
        }
      : {}),
    types: columnTypes as pg.CustomTypesConfig,
  };
}

/** Who finds the primary among the servers of these options; asks nobody yet. */
export function createFinder(options: ResolvedOptions): PrimaryFinder {
  const { servers, connectTimeoutMs, clock, logger } = options;
  // What a pooler's session says of its server says nothing of the next statement's.
  const fence = options.directServers === undefined ? options.fence : undefined;
  const configOf = (server: Server): pg.ClientConfig => clientConfig(options, server);
  return new PrimaryFinder({ servers, fence, connectTimeoutMs, clock, logger, configOf });
}

/**
 * A pool of our own. The gate before it decides how many connections are out, so the driver's limit is the highest
 * that the gate may ever set.
 */
export function createOwnedPool(options: ResolvedOptions, finder: PrimaryFinder): PoolLike {
  return new PrimaryPool({
    finder,
    configOf: (server) => clientConfig(options, server),
    connectTimeoutMs: options.connectTimeoutMs,
    idleTimeoutMs: options.idleTimeoutMs,
    max: options.maxPoolSize,
    onIdleError: (error) =>
      options.logger.warn(
        { code: (error as { code?: string }).code, reason: error.message },
        'an idle database connection was lost',
      ),
  });
}

function definedOnly(connection: ResolvedOptions['connection']): pg.ClientConfig {
  return Object.fromEntries(Object.entries(connection).filter(([, value]) => value !== undefined));
}
