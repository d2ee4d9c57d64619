import { setTimeout as delay } from 'node:timers/promises';
import { withAdmin } from './run-databases.js';
import type { TestPostgres } from './test-postgres.js';

const CONNECTED_WITHIN_MS = 30_000;

/**
 * From here on the primary acknowledges a commit only when a standby has flushed it. Resolves once its standby counts as
 * synchronous; throws when none does within 30 s.
 */
export async function requireSynchronousStandby(primary: TestPostgres): Promise<void> {
  await withAdmin(primary.url, async (admin) => {
    await admin.query('SET synchronous_commit = local');
    await admin.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await admin.query('SELECT pg_reload_conf()');
    for (const deadlineMs = performance.now() + CONNECTED_WITHIN_MS; ;) {
      const { rowCount } = await admin.query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
      if (rowCount === 1) return;
      if (performance.now() > deadlineMs) {
        throw new Error(`No standby of the server on port ${primary.port} became synchronous in time.`);
      }
      await delay(20);
    }
  });
}
