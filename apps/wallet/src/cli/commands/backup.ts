import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { archiveOf, takeBackup, type BackupDescription } from '@dunlin/embedded';
import pg from 'pg';
import { findMasterKey, masterKeyFile } from '../../keys/open-master-key.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import { UsageError } from '../usage-error.js';
import type { WorkPlace } from '../work-place.js';

/** The label under which a backup says which master key opens its signing keys. */
export const masterKeyLabel = 'masterKeyId';

interface ArchiveState {
  readonly mode: string;
  readonly failing: boolean;
  readonly lastFailed: string | null;
}

export async function backUp(
  place: WorkPlace,
  options: { folder: string; pruneArchive?: true },
  say: Terminal,
): Promise<ExitCode> {
  const { config, superuserUrl } = place;
  if (superuserUrl === undefined || config.database.kind !== 'embedded') {
    throw new UsageError(
      'This wallet uses a PostgreSQL server of its own, which `dunlin backup` does not touch: use what backs that server up ' +
        '(pg_basebackup with an archive, pgBackRest, or the snapshots of whoever runs it). docs/runbooks/restore-from-backup.md says what to see to afterwards.',
    );
  }
  const masterKey = await findMasterKey(config.masterKey, config.dataFolder);
  const session = new pg.Client({ connectionString: superuserUrl, application_name: 'dunlin-backup' });
  session.on('error', () => undefined);
  await session.connect();
  try {
    const { rows } = await session.query<{ size: string }>(
      'select sum(pg_database_size(oid)) as size from pg_database',
    );
    const progress = say.progress('backup', Number(rows[0]?.size ?? 0));
    let description: BackupDescription;
    try {
      description = await takeBackup({
        session: { query: (text, values = []) => session.query(text, [...values]) as never },
        dataFolder: config.database.dataFolder,
        target: resolve(options.folder),
        labels: masterKey === undefined ? {} : { [masterKeyLabel]: masterKey.id.toString('hex') },
        signal: place.signal,
        onProgress: (bytes) => progress.at(bytes),
      });
    } finally {
      progress.done();
    }
    const archive = await archiveState(session);
    const pruned = options.pruneArchive === true ? await prune(place, archive, description) : undefined;
    const key = config.masterKey === undefined ? masterKeyFile(config.dataFolder) : 'MASTER_KEY';
    say.note(
      `The master key (${key}) is not in the backup. Keep a copy of it elsewhere: without it the backup cannot be used.`,
    );
    if (archive.failing)
      say.note(
        `ARCHIVING FAILS: ${archive.lastFailed ?? 'a segment'} could not be archived. See the log of PostgreSQL.`,
      );
    say.result(
      { folder: resolve(options.folder), ...description, archive, ...(pruned === undefined ? {} : { pruned }) },
      () => words(resolve(options.folder), description, archive, pruned),
    );
    return archive.failing ? exitCodes.foundWrong : exitCodes.fine;
  } finally {
    await session.end();
  }
}

/** It fails as long as the last thing that happened was a failure. */
async function archiveState(session: pg.Client): Promise<ArchiveState> {
  const { rows } = await session.query<ArchiveState>(
    `select current_setting('archive_mode') as mode, last_failed_wal as "lastFailed",
            coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) as failing
       from pg_stat_archiver`,
  );
  return rows[0] as ArchiveState;
}

/** Removes what this backup does not need. Backups before it can from then on be restored to their own end only. */
async function prune(
  place: WorkPlace,
  archive: ArchiveState,
  { startLsn, timeline, wal, systemIdentifier }: BackupDescription,
): Promise<number> {
  const { database } = place.config;
  const folder =
    database.kind === 'embedded' && typeof database.walArchive === 'object'
      ? archiveOf(database.walArchive.folder, systemIdentifier)
      : undefined;
  if (folder === undefined || archive.mode === 'off' || !existsSync(folder)) {
    throw new UsageError(
      '--prune-archive needs WAL_ARCHIVE_DIR, and a server that archives there. The backup itself is complete.',
    );
  }
  const first = wal.find(({ name }) => /^[0-9A-F]{24}$/.test(name))?.name;
  if (first === undefined) throw new Error(`The backup at ${startLsn} on timeline ${timeline} names no segment.`);
  // Compared without the timeline, as pg_archivecleanup does: a later timeline may begin in an early segment.
  const isOlder = (file: string): boolean => /^[0-9A-F]{24}\.gz$/.test(file) && file.slice(8, 24) < first.slice(8);
  const old = (await readdir(folder)).filter(isOlder);
  for (const file of old) await rm(join(folder, file));
  return old.length;
}

function words(folder: string, backup: BackupDescription, archive: ArchiveState, pruned: number | undefined): string {
  const lines = [
    `Backed up to ${folder}: ${backup.files} files, ${(backup.sizeBytes / 1e6).toFixed(1)} MB, every one with its checksum.`,
    `It holds everything that was acknowledged before ${backup.completeUntil} (log position ${backup.endLsn}).`,
    archive.mode === 'off'
      ? 'The log is not archived (WAL_ARCHIVE_DIR), so this moment is the only one that can be restored.'
      : 'With the archive it can be brought to any later moment: dunlin restore … --to-time.',
  ];
  if (pruned !== undefined) lines.push(`Removed ${pruned} segments from the archive that lie before this backup.`);
  return lines.join('\n');
}
