import { setTimeout as delay } from 'node:timers/promises';
import { withAdmin } from './run-databases.js';
import type { TestPostgres } from './test-postgres.js';

const PROMOTED_WITHIN_MS = 40_000;

/**
 * Makes a replica of `startTestReplica` a primary; resolves once it takes writes. It asks without waiting, and then again and again:
 * `pg_promote()` that waits holds a snapshot, which the last of the log may conflict with, and each would wait for the other.
 */
export async function promoteTestReplica(replica: TestPostgres): Promise<void> {
  await withAdmin(replica.url, async (admin) => {
    await admin.query('SELECT pg_promote(false)');
    for (const deadlineMs = performance.now() + PROMOTED_WITHIN_MS; ;) {
      const { rows } = await admin.query<{ waits: boolean }>('SELECT pg_is_in_recovery() AS waits');
      if (rows[0]?.waits === false) return;
      if (performance.now() > deadlineMs)
        throw new Error(`The server on port ${replica.port} was not promoted in time.`);
      await delay(20);
    }
  });
}
