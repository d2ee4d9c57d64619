import { findPrimary } from '@dunlin/postgres';
import { describeServer, type DatabaseConfig } from '../config/database-config.js';
import { probeDatabase } from './external-database.js';
import { StartError } from './start-error.js';

/**
 * The URL of the server that is the primary now, past a pooler where there is one; that pooler is tried too.
 * @throws StartError when none of several hosts is a primary, or the pooler cannot be used.
 */
export async function primaryUrl(database: DatabaseConfig & { kind: 'server' }): Promise<string> {
  const { connectionString, directConnectionString } = database;
  if (directConnectionString !== undefined) await probeDatabase(connectionString);
  const servers = directConnectionString ?? connectionString;
  try {
    return await findPrimary(servers);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError(`The database (${describeServer(servers)}) cannot be used: ${why}.`, error);
  }
}
