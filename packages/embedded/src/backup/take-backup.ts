import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { clusterVersion } from '../cluster.js';
import { dataFolderAt } from '../data-folder.js';
import { EmbeddedError } from '../errors.js';
import { replaceFile } from '../replace-file.js';
import { copyFile, type CopiedFile } from './copy-file.js';
import { backupFolderAt, type BackupDescription, type BackupFolder } from './description.js';
import { isExcluded } from './excluded.js';
import { writeManifest, type ManifestFile } from './manifest.js';
import { isHistoryName, segmentNames } from './wal-names.js';

/** One session of the superuser, the same for every statement: PostgreSQL ends a backup whose session ends. */
export interface BackupSession {
  query<Row>(text: string, values?: readonly unknown[]): Promise<{ rows: Row[] }>;
}

/** What `takeBackup` takes. */
export interface BackupOptions {
  readonly session: BackupSession;
  /** Of the server that the session is on; its files are read directly. */
  readonly dataFolder: string;
  /** A folder that is not there or empty. */
  readonly target: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Bytes of the cluster that are copied, now and again. */
  readonly onProgress?: (copiedBytes: number) => void;
}

interface BackupStart {
  readonly lsn: string;
  readonly startedAt: Date;
  readonly timeline: number;
  readonly systemIdentifier: string;
  readonly serverVersion: string;
  readonly segmentBytes: number;
}

interface BackupStop {
  readonly lsn: string;
  readonly label: string;
  readonly tablespaces: string;
  readonly completeUntil: Date;
  readonly finishedAt: Date;
}

const COPIES_AT_ONCE = 4;
const SLOT = 'dunlin_backup';

/**
 * Copies a running cluster so that it can be brought back to the moment at which this ends: whatever was acknowledged
 * before is in it. Reads and writes go on meanwhile. The data files are copied while they change, and the write-ahead
 * log from the start to the end, which is copied after them, makes them one moment again; a temporary replication slot
 * keeps the server from recycling that log before it is copied.
 *
 * What goes wrong leaves no target behind; what is killed leaves one without a description, which is no backup.
 * Throws `EmbeddedError` (`backup_target`) and what the disk or the database say.
 */
export async function takeBackup(options: BackupOptions): Promise<BackupDescription> {
  const cluster = dataFolderAt(resolve(options.dataFolder)).cluster;
  const folder = backupFolderAt(resolve(options.target));
  makeTarget(folder, cluster);
  try {
    return await fill(folder, cluster, options);
  } catch (error) {
    for (const name of readdirSync(folder.path)) rmSync(join(folder.path, name), { recursive: true, force: true });
    throw error;
  }
}

async function fill(folder: BackupFolder, cluster: string, options: BackupOptions): Promise<BackupDescription> {
  const { session, signal } = options;
  const start = await beginBackup(session);
  const copy = new ClusterCopy(cluster, folder.cluster, options);
  await copy.run();
  signal?.throwIfAborted();
  const stop = await endBackup(session);
  copy.add('backup_label', stop.label);
  if (stop.tablespaces !== '') copy.add('tablespace_map', stop.tablespaces);
  const wal = await copyLog(join(cluster, 'pg_wal'), join(folder.cluster, 'pg_wal'), start, stop, signal);
  await session.query('select pg_drop_replication_slot($1)', [SLOT]);
  const files = copy.files.sort((one, other) => (one.path < other.path ? -1 : 1));
  const manifest = writeManifest(files, { timeline: start.timeline, startLsn: start.lsn, endLsn: stop.lsn });
  replaceFile(folder.manifest, manifest);
  const description: BackupDescription = {
    format: 1,
    startedAt: start.startedAt.toISOString(),
    completeUntil: stop.completeUntil.toISOString(),
    finishedAt: stop.finishedAt.toISOString(),
    majorVersion: clusterVersion(cluster) ?? 0,
    serverVersion: start.serverVersion,
    systemIdentifier: start.systemIdentifier,
    timeline: start.timeline,
    startLsn: start.lsn,
    endLsn: stop.lsn,
    files: files.length,
    sizeBytes: [...files, ...wal].reduce((sum, file) => sum + file.sizeBytes, 0),
    manifestSha256: createHash('sha256').update(manifest).digest('hex'),
    wal,
    labels: options.labels ?? {},
  };
  replaceFile(folder.description, `${JSON.stringify(description, null, 2)}\n`);
  return description;
}

function makeTarget({ path, cluster: target }: BackupFolder, cluster: string): void {
  if (`${path}${sep}`.startsWith(`${cluster}${sep}`)) {
    throw new EmbeddedError('backup_target', `${path} lies inside the database that is to be backed up.`);
  }
  if (existsSync(path) && readdirSync(path).length > 0) {
    const what = existsSync(backupFolderAt(path).description) ? 'a backup' : 'something';
    throw new EmbeddedError('backup_target', `${path} holds ${what} already. Name a folder that is not there yet.`);
  }
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    mkdirSync(target, { mode: 0o700 });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new EmbeddedError('backup_target', `${path} cannot be made (${code}).`, cause);
  }
}

/** The slot comes first, so that no part of the log from the start on can be gone. A checkpoint at once: nobody wants to wait. */
async function beginBackup(session: BackupSession): Promise<BackupStart> {
  await session.query('select pg_create_physical_replication_slot($1, true, true)', [SLOT]);
  const { rows } = await session.query<BackupStart>(
    `with started as materialized (select pg_backup_start('dunlin', fast => true) as lsn)
     select lsn::text as lsn, clock_timestamp() as "startedAt",
            ('x' || left(pg_walfile_name(lsn), 8))::bit(32)::int as timeline,
            (select system_identifier::text from pg_control_system()) as "systemIdentifier",
            current_setting('server_version') as "serverVersion",
            (select setting::int from pg_settings where name = 'wal_segment_size') as "segmentBytes"
       from started`,
  );
  return rows[0] as BackupStart;
}

/**
 * Not waiting for the archive: the log that is needed is copied here. The first time is read before the end of the backup is
 * fixed (hence `at` in its argument), so what was acknowledged until then is in it; the second one after.
 */
async function endBackup(session: BackupSession): Promise<BackupStop> {
  const { rows } = await session.query<BackupStop>(
    `with before as materialized (select clock_timestamp() as at),
          stopped as materialized (select at, s.* from before, lateral pg_backup_stop(wait_for_archive => at is null) s)
     select lsn::text as lsn, labelfile as label, spcmapfile as tablespaces, at as "completeUntil",
            clock_timestamp() as "finishedAt"
       from stopped`,
  );
  return rows[0] as BackupStop;
}

async function copyLog(
  from: string,
  to: string,
  start: BackupStart,
  stop: BackupStop,
  signal: AbortSignal | undefined,
): Promise<BackupDescription['wal']> {
  const histories = (await readdir(from)).filter(isHistoryName);
  const wanted = [...histories, ...segmentNames(start.timeline, start.lsn, stop.lsn, start.segmentBytes)];
  const copied = [];
  for (const name of wanted) {
    const file = await copyFile(join(from, name), join(to, name), signal);
    if (file === undefined) throw new EmbeddedError('backup_failed', `The log segment ${name} was gone too early.`);
    copied.push({ name, sizeBytes: file.sizeBytes, sha256: file.sha256 });
  }
  return copied;
}

/** The copy of a cluster's files, several at once. */
class ClusterCopy {
  readonly files: ManifestFile[] = [];
  #copiedBytes = 0;

  constructor(
    private readonly from: string,
    private readonly to: string,
    private readonly options: Pick<BackupOptions, 'signal' | 'onProgress'>,
  ) {}

  async run(): Promise<void> {
    const waiting: string[] = [];
    for (const entry of await readdir(this.from, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name).slice(this.from.length + 1);
      if (isExcluded(path)) continue;
      if (entry.isDirectory()) mkdirSync(join(this.to, path), { recursive: true, mode: 0o700 });
      else if (entry.isFile()) waiting.push(path);
      else {
        throw new EmbeddedError(
          'backup_failed',
          `${join(this.from, path)} is no ordinary file (a tablespace, perhaps).`,
        );
      }
    }
    // The control file comes last, as everywhere: until then the server may still be writing checkpoints into it.
    const control = join('global', 'pg_control');
    const ordinary = waiting.filter((path) => path !== control);
    const copies = Array.from({ length: COPIES_AT_ONCE }, () => this.#work(ordinary));
    // The first that fails ends the copy, but only when the others write no more: what they left would come back after the clearing up.
    const ended = await Promise.allSettled(copies);
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    await this.#copyControlFile(control);
  }

  /** A file that is made here, not copied. */
  add(path: string, content: string): void {
    replaceFile(join(this.to, path), content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    this.files.push({ path, sizeBytes: Buffer.byteLength(content), sha256, modifiedAt: new Date() });
  }

  async #work(waiting: string[]): Promise<void> {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      this.options.signal?.throwIfAborted();
      // A folder that was made after the list was read cannot be in the list; one that was removed is just empty.
      mkdirSync(dirname(join(this.to, path)), { recursive: true, mode: 0o700 });
      this.#note(path, await copyFile(join(this.from, path), join(this.to, path), this.options.signal));
    }
  }

  /** It has no log that would mend a torn read, so it is read until it stands still. */
  async #copyControlFile(path: string): Promise<void> {
    for (;;) {
      const before = readFileSync(join(this.from, path));
      const copied = await copyFile(join(this.from, path), join(this.to, path), this.options.signal);
      if (copied?.sha256 === createHash('sha256').update(before).digest('hex')) return this.#note(path, copied);
      rmSync(join(this.to, path), { force: true });
    }
  }

  #note(path: string, copied: CopiedFile | undefined): void {
    if (copied === undefined) return;
    this.files.push({ path: path.split(sep).join('/'), ...copied });
    this.#copiedBytes += copied.sizeBytes;
    this.options.onProgress?.(this.#copiedBytes);
  }
}
