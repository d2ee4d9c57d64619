import { DatabaseError } from '@dunlin/postgres';
import type { Queryable } from '../keys/queryable.js';

/** Servers that speak PostgreSQL's protocol without its log have no such functions, or let nobody ask. */
const cannotTell = new Set(['42883', '42501', '0A000']);

/**
 * Names the history that this database lives in: the cluster's identifier and the timeline that it writes. A restore from
 * a backup, a recovery to a point in time and the promotion of a standby each begin a new timeline; a dump that is loaded
 * elsewhere has another identifier. Values that Redis keeps from another history, a later one included, are then those of
 * another name, which nobody reads. Undefined where the server cannot tell; Redis must then be emptied by hand after a restore.
 */
export async function databaseHistory(database: Queryable): Promise<string | undefined> {
  try {
    const { rows } = await database.query<{ history: string }>(
      `select system_identifier || '-' || ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int as history
         from pg_control_system()`,
    );
    return rows[0]?.history;
  } catch (error) {
    if (error instanceof DatabaseError && cannotTell.has(error.code ?? '')) return undefined;
    throw error;
  }
}
