import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedError } from '../errors.js';

/** What `dunlin-backup.json` says of a backup. The file is written last: a folder without it is no finished backup. */
export interface BackupDescription {
  readonly format: 1;
  /**
   * The server's clock. What was acknowledged before `completeUntil` is in the backup; recovery to a point in time can end
   * at `finishedAt` at the earliest.
   */
  readonly startedAt: string;
  readonly completeUntil: string;
  readonly finishedAt: string;
  readonly majorVersion: number;
  readonly serverVersion: string;
  /** Of the cluster that was copied; its write-ahead log bears the same. */
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly startLsn: string;
  readonly endLsn: string;
  readonly files: number;
  readonly sizeBytes: number;
  readonly manifestSha256: string;
  /** Segments and timeline histories in `cluster/pg_wal`, which the manifest does not list. */
  readonly wal: readonly { readonly name: string; readonly sizeBytes: number; readonly sha256: string }[];
  /** What whoever made the backup wants to find again. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Where things lie in a backup's folder. */
export interface BackupFolder {
  readonly path: string;
  readonly cluster: string;
  readonly manifest: string;
  readonly description: string;
}

/** The layout; touches nothing. */
export function backupFolderAt(path: string): BackupFolder {
  const cluster = join(path, 'cluster');
  return {
    path,
    cluster,
    manifest: join(cluster, 'backup_manifest'),
    description: join(path, 'dunlin-backup.json'),
  };
}

/** Throws `EmbeddedError` (`no_backup`) when the folder holds no finished backup, or one of a format that is unknown here. */
export function readDescription(folder: BackupFolder): BackupDescription {
  if (!existsSync(folder.description)) {
    const why = existsSync(folder.cluster) ? 'a backup that was not finished' : 'no backup';
    throw new EmbeddedError('no_backup', `${folder.path} holds ${why} (${folder.description} is missing).`);
  }
  let parsed: Partial<BackupDescription>;
  try {
    parsed = JSON.parse(readFileSync(folder.description, 'utf8')) as Partial<BackupDescription>;
  } catch (cause) {
    throw new EmbeddedError('backup_damaged', `${folder.description} cannot be read.`, cause);
  }
  if (parsed.format !== 1) {
    throw new EmbeddedError(
      'no_backup',
      `${folder.description} is of format ${String(parsed.format)}, and this version reads 1.`,
    );
  }
  return parsed as BackupDescription;
}
