import pg from 'pg';
import { INTERNAL } from '../queries/observer.js';
import { toDatabaseError } from '../server-error.js';
import type { ServerFacts } from './timeline-fence.js';

/**
 * The timeline in the control file is that of the last checkpoint, which a promoted server makes some time after it has begun to
 * take writes; the name of its current segment is right at once. A standby has no such segment, and the control file's is a
 * lower bound there, which is all that is asked of it; a role that may read the receiver's statistics sees what it receives.
 */
export const TIMELINE = `CASE WHEN pg_is_in_recovery()
    THEN greatest((SELECT timeline_id FROM pg_control_checkpoint()), (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
      (SELECT received_tli FROM pg_stat_wal_receiver))
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END`;

const FACTS = `${INTERNAL} SELECT pg_is_in_recovery() AS standby, ${TIMELINE} AS timeline,
  (SELECT system_identifier::text FROM pg_control_system()) AS cluster`;

/** Asks a session's server what it is. Rejects with the driver's error, at the latest after `timeoutMs`. */
export async function askServer(client: pg.Client, timeoutMs: number): Promise<ServerFacts> {
  const asked = { text: FACTS, query_timeout: timeoutMs };
  const { rows } = await client.query<{ standby: boolean; timeline: number; cluster: string }>(asked);
  const found = rows[0];
  if (found === undefined) throw new Error('the server said nothing of itself');
  return { standby: found.standby, timeline: Number(found.timeline), cluster: found.cluster };
}

/** What the one server of a connection string says of itself, over a connection of its own. Throws a `DatabaseError`. */
export async function readServerFacts(connectionString: string, timeoutMs = 5_000): Promise<ServerFacts> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: timeoutMs });
  // A connection that breaks between two questions rejects the next one.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await askServer(client, timeoutMs);
  } catch (error) {
    throw toDatabaseError(error, 'nothing');
  } finally {
    void client.end().catch(() => undefined);
  }
}
