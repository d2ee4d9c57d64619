import { findPrimary, listServers, type DatabaseOptions } from '@dunlin/postgres';
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import { openFence } from './seen-timeline.js';
import { warnUnlessSynchronous } from './synchronous-standby.js';

/** Where the wallet's connections lead. */
export interface DatabasePlaces {
  /** The server that is the primary now, for what connects once. With the login. */
  readonly url: string;
  /** For requests: through the pooler if there is one, and with the replicas. */
  readonly forRequests: Pick<DatabaseOptions, 'connectionString' | 'pooler' | 'fence' | 'replicas'>;
  /** For leases and what listens: always the primary itself. */
  readonly direct: Pick<DatabaseOptions, 'connectionString' | 'fence'>;
}

/**
 * All connections of a process share one fence: what one of them learns of a promotion keeps the others from the former primary.
 * The embedded server has no replica, hence no former primary. `found` is the primary as it was found when the program began; of
 * several hosts it is looked for anew, since a worker may be started long after.
 */
export async function databasePlaces(
  { database, dataFolder }: Config,
  found: string,
  logger: Logger,
): Promise<DatabasePlaces> {
  if (database.kind === 'embedded') {
    return { url: found, forRequests: { connectionString: found }, direct: { connectionString: found } };
  }
  const { connectionString, directConnectionString, replicas } = database;
  const servers = directConnectionString ?? connectionString;
  const hasSeveral = listServers(servers).length > 1;
  const url = hasSeveral ? await findPrimary(servers, { logger }) : found;
  if (hasSeveral) await warnUnlessSynchronous(url, logger);
  const opened = await openFence(url, dataFolder, logger);
  const fence = opened === undefined ? {} : { fence: opened };
  const direct = { connectionString: servers, ...fence };
  const pooler = directConnectionString === undefined ? {} : { pooler: { directConnectionString } };
  return {
    url,
    forRequests: {
      connectionString,
      ...fence,
      ...pooler,
      replicas: replicas.map((replica) => ({ connectionString: replica })),
    },
    direct,
  };
}
