import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findBinaries, type Binaries } from '../binaries.js';
import {
  generateCredentials,
  giveCluster,
  removeUnfinished,
  runSingleUser,
  UNFINISHED,
  type Credentials,
} from '../cluster.js';
import { dataFolderAt, type DataFolder } from '../data-folder.js';
import { EmbeddedError } from '../errors.js';
import { startPostmaster, stopPostmaster } from '../postmaster.js';
import { tryProcessLock } from '../process-lock.js';
import { flushFolder, replaceFile } from '../replace-file.js';
import { DURABLE_SETTINGS, type ServerSettings } from '../settings.js';
import { chooseDescent, fileOwner, type Descent } from '../unprivileged.js';
import { copyFile } from './copy-file.js';
import { backupFolderAt, type BackupDescription } from './description.js';
import { verifyBackup } from './verify-backup.js';
import { archiveOf, restoreCommand } from './wal-archive.js';

/** What `restoreBackup` takes. */
export interface RestoreOptions {
  readonly backup: string;
  /** Must hold no database; other files, as the master key's, may lie there. */
  readonly dataFolder: string;
  /** Where the server archived its log. Left out, the end of the backup is what is restored. */
  readonly walArchive?: string;
  /** With `walArchive` only: up to and with this moment. Left out, everything that was archived. */
  readonly toTime?: Date;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: 'verify' | 'copy' | 'recover') => void;
}

/** What a restored database holds. */
export interface RestoredDatabase {
  readonly description: BackupDescription;
  /** When the last transaction that it holds was committed, by the clock of its server; undefined when it is the backup's own end. */
  readonly lastCommitAt: string | undefined;
  /** Never the backup's: a restored history is another one, and caches can tell. */
  readonly timeline: number;
}

const RECOVERY_TIMEOUT_MS = 24 * 3_600_000;
const DATABASE = 'wallet';

/**
 * Puts a backup into a data folder that has no database yet, and recovers it to its end, to the end of the archive, or to
 * a point in time. The database gets new passwords, for those of the original are not in the backup. It is made beside
 * and moved into place when it is whole: what is cut short leaves the data folder without a database.
 * Throws `EmbeddedError`.
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoredDatabase> {
  const folder = dataFolderAt(resolve(options.dataFolder));
  const backup = backupFolderAt(resolve(options.backup));
  const binaries = findBinaries();
  refuseUsedFolder(folder);
  options.onStep?.('verify');
  const description = await verifyBackup(backup.path, options.signal);
  refuseImpossible(description, binaries, options);
  mkdirSync(folder.path, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  const lock = tryProcessLock(folder.keeperLock);
  if (lock.kind === 'held') {
    throw new EmbeddedError('data_folder_in_use', `Process ${lock.pid} is at work in ${folder.path}.`);
  }
  try {
    refuseUsedFolder(folder);
    removeUnfinished(folder.cluster);
    const building = `${folder.cluster}${UNFINISHED}${randomBytes(6).toString('hex')}`;
    try {
      return await restoreInto(building, folder, description, binaries, options);
    } catch (error) {
      rmSync(building, { recursive: true, force: true });
      throw error;
    }
  } finally {
    lock.release();
  }
}

async function restoreInto(
  building: string,
  folder: DataFolder,
  description: BackupDescription,
  binaries: Binaries,
  options: RestoreOptions,
): Promise<RestoredDatabase> {
  options.onStep?.('copy');
  await copyCluster(backupFolderAt(resolve(options.backup)).cluster, building, options.signal);
  const descent = chooseDescent(binaries, building);
  options.onStep?.('recover');
  const { systemIdentifier } = description;
  const recovered = await recover(building, binaries, descent, { ...options, systemIdentifier });
  const credentials = generateCredentials(DATABASE);
  await setPasswords(binaries, descent, building, credentials);
  replaceFile(folder.credentials, `${JSON.stringify(credentials, null, 2)}\n`);
  renameSync(building, folder.cluster);
  flushFolder(folder.path);
  return { description, ...recovered };
}

function refuseUsedFolder({ path, cluster }: DataFolder): void {
  const isUsed = existsSync(cluster) && (!statSync(cluster).isDirectory() || readdirSync(cluster).length > 0);
  if (isUsed) {
    throw new EmbeddedError(
      'data_folder_in_use',
      `${path} holds a database already, and it is not touched. Name an empty folder in DATA_DIR, or move ${cluster} away.`,
    );
  }
}

function refuseImpossible(
  description: BackupDescription,
  binaries: Binaries,
  { toTime, walArchive }: RestoreOptions,
): void {
  if (description.majorVersion !== binaries.majorVersion) {
    throw new EmbeddedError(
      'other_major_version',
      `The backup was made by PostgreSQL ${description.majorVersion}, and this is PostgreSQL ${binaries.majorVersion}. ` +
        'Restore it with the version of Dunlin that made it, then run `dunlin upgrade` with this one.',
    );
  }
  if (walArchive !== undefined && !existsSync(archiveOf(walArchive, description.systemIdentifier))) {
    throw new EmbeddedError(
      'archive_unusable',
      `There is no archive of this database in ${walArchive} (${description.systemIdentifier} is missing).`,
    );
  }
  if (toTime === undefined) return;
  if (walArchive === undefined) {
    throw new EmbeddedError('recovery_target', 'A point in time can be restored from an archive only: name it.');
  }
  if (toTime.getTime() < Date.parse(description.finishedAt)) {
    throw new EmbeddedError(
      'recovery_target',
      `The backup was finished at ${description.finishedAt}; it cannot be brought back to an earlier moment (${toTime.toISOString()}). Take an older backup.`,
    );
  }
}

async function copyCluster(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  mkdirSync(to, { mode: 0o700 });
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    const source = join(entry.parentPath, entry.name);
    const target = join(to, source.slice(from.length));
    if (entry.isDirectory()) mkdirSync(target, { recursive: true, mode: 0o700 });
    else {
      mkdirSync(join(target, '..'), { recursive: true, mode: 0o700 });
      await copyFile(source, target, signal);
    }
  }
}

/** Lets the server replay the log, until it accepts connections, which nobody makes; then stops it. */
async function recover(
  building: string,
  binaries: Binaries,
  descent: Descent,
  { walArchive, toTime, signal, systemIdentifier }: RestoreOptions & { systemIdentifier: string },
): Promise<{ lastCommitAt: string | undefined; timeline: number }> {
  // By this file the server knows that it follows an archive; the history that begins then gets a new timeline.
  writeFileSync(join(building, 'recovery.signal'), '', { mode: 0o600 });
  const owner = fileOwner(descent);
  giveCluster(building, descent);
  if (owner !== undefined) chownSync(building, owner.uid, owner.gid);
  const settings: ServerSettings = {
    ...DURABLE_SETTINGS,
    archive_mode: 'off',
    // Else it lets readers in, and counts as ready, before it has come to the end.
    hot_standby: 'off',
    restore_command: restoreCommand(
      walArchive === undefined ? undefined : archiveOf(resolve(walArchive), systemIdentifier),
    ),
    recovery_target_action: 'promote',
    ...(toTime === undefined
      ? {}
      : { recovery_target_time: toTime.toISOString().replace('T', ' ').replace('Z', '+00') }),
  };
  const startLog = join(building, 'recovery.log');
  const start = { binaries, descent, folder: building, settings, startLog, timeoutMs: RECOVERY_TIMEOUT_MS };
  signal?.throwIfAborted();
  try {
    const server = await startPostmaster({ ...start, ...(signal === undefined ? {} : { signal }) });
    await stopPostmaster(building, server.pid);
  } catch (error) {
    throw targetProblem(error, toTime);
  }
  const said = readFileSync(startLog, 'utf8');
  rmSync(startLog, { force: true });
  const timeline = Number(/selected new timeline ID: (\d+)/.exec(said)?.[1]);
  if (!Number.isInteger(timeline)) {
    throw new EmbeddedError('start_failed', `The recovery did not begin a timeline of its own. ${said.slice(-1500)}`);
  }
  const lastCommit = /last completed transaction was at log time (\S+ \S+)/.exec(said)?.[1];
  return { lastCommitAt: lastCommit === undefined ? undefined : isoTime(lastCommit), timeline };
}

/** `2026-01-31 12:00:00.123456+00`, as the log has it, which is kept in UTC. */
const isoTime = (logged: string): string => logged.replace(' ', 'T').replace(/\+00$/, 'Z');

function targetProblem(error: unknown, toTime: Date | undefined): unknown {
  const message = error instanceof Error ? error.message : '';
  if (toTime === undefined || !message.includes('recovery ended before configured recovery target was reached'))
    return error;
  const last = /last completed transaction was at log time (\S+ \S+)/.exec(message)?.[1];
  const ends = last === undefined ? '' : ` Its last transaction is of ${isoTime(last)}.`;
  return new EmbeddedError(
    'recovery_target',
    `The archive ends before ${toTime.toISOString()}.${ends} Name an earlier moment, or none for all that is there.`,
    error,
  );
}

async function setPasswords(
  binaries: Binaries,
  descent: Descent,
  folder: string,
  { superuser, owner }: Credentials,
): Promise<void> {
  const statements = [superuser, owner].map(({ user, password }) => `ALTER ROLE ${user} PASSWORD '${password}'`);
  await runSingleUser({ binaries, descent, folder, sync: true, database: 'template1', statements });
}
