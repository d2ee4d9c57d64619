import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withAdmin } from './run-databases.js';

/** What another server needs of the primary's pg_hba.conf: replication is not part of `all`. */
const REPLICATION_RULE = 'host replication all 127.0.0.1/32 scram-sha-256\n';

/**
 * Copies the files of a running cluster into `folder` as PostgreSQL's low-level backup prescribes, and tells the copy to follow
 * the original. There is no pg_basebackup among the embedded programs.
 *
 * Files change while they are copied; between backup start and stop every page is in the WAL whole, so replaying it mends
 * them. The label is written last and tells the copy from where to replay; without it the copy would trust what it has.
 */
export async function copyCluster(
  primary: { url: string; port: number; folder: string },
  folder: string,
): Promise<void> {
  await withAdmin(primary.url, async (admin) => {
    allowReplication(primary.folder);
    // WAL that is recycled before a copy has fetched it would be gone; a slot would have to be dropped again by somebody.
    await admin.query("ALTER SYSTEM SET wal_keep_size = '1GB'");
    await admin.query('SELECT pg_reload_conf()');
    await admin.query("SELECT pg_backup_start('dunlin-test', true)");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    copyFiles(primary.folder, folder);
    const { rows } = await admin.query<{ label: string }>('SELECT labelfile AS label FROM pg_backup_stop(false)');
    writeFileSync(join(folder, 'backup_label'), rows[0]?.label ?? '', { mode: 0o600 });
    const { username, password } = new URL(primary.url);
    const conninfo = `host=127.0.0.1 port=${primary.port} user=${username} password=${password}`;
    appendFileSync(join(folder, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
    writeFileSync(join(folder, 'standby.signal'), '', { mode: 0o600 });
  });
}

function allowReplication(primaryFolder: string): void {
  const file = join(primaryFolder, 'pg_hba.conf');
  if (!readFileSync(file, 'utf8').includes(REPLICATION_RULE)) appendFileSync(file, REPLICATION_RULE);
}

/** A file that vanishes between being listed and being copied was dropped, and the WAL says so too; then the copy is begun again. */
function copyFiles(from: string, to: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      cpSync(from, to, {
        recursive: true,
        filter: (path) => !/\/(postmaster\.(pid|opts)|pg_replslot\/.+)$/.test(path),
      });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 3) throw error;
      rmSync(to, { recursive: true, force: true });
      mkdirSync(to, { mode: 0o700 });
    }
  }
}
