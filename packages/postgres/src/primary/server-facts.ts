import type pg from 'pg';
import { INTERNAL } from '../queries/observer.js';
import type { ServerFacts } from './timeline-fence.js';

/**
 * The timeline in the control file is that of the last checkpoint, which a promoted server makes some time after it has begun to
 * take writes; the name of its current segment is right at once. A standby has no such segment, and the control file's is a
 * lower bound there, which is all that is asked of it.
 */
const FACTS = `${INTERNAL} SELECT pg_is_in_recovery() AS standby,
  CASE WHEN pg_is_in_recovery()
    THEN greatest((SELECT timeline_id FROM pg_control_checkpoint()), (SELECT min_recovery_end_timeline FROM pg_control_recovery()))
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END AS timeline,
  (SELECT system_identifier::text FROM pg_control_system()) AS cluster`;

/** Asks a session's server what it is. Rejects with the driver's error, at the latest after `timeoutMs`. */
export async function readServerFacts(client: pg.Client, timeoutMs: number): Promise<ServerFacts> {
  const asked = { text: FACTS, query_timeout: timeoutMs };
  const { rows } = await client.query<{ standby: boolean; timeline: number; cluster: string }>(asked);
  const found = rows[0];
  if (found === undefined) throw new Error('the server said nothing of itself');
  return { standby: found.standby, timeline: Number(found.timeline), cluster: found.cluster };
}
