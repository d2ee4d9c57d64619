import { chownSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { DataFolder } from '../data-folder.js';
import { EmbeddedError } from '../errors.js';
import { replaceFile } from '../replace-file.js';
import type { ServerSettings } from '../settings.js';
import { fileOwner, spawnUnprivileged, type Descent } from '../unprivileged.js';

/** Where finished segments of the write-ahead log go, and how soon an unfinished one is finished. */
export interface WalArchive {
  /** Absolute. */
  readonly folder: string;
  readonly timeoutSeconds: number;
}

/**
 * Compresses (a segment that is sent early is mostly empty) beside the final name, flushes, and renames, so that a file
 * under its final name is whole. A segment that is there already is fine if it is the same one, which happens after a
 * crash, and a failure if it is not: two servers must not archive into one folder.
 */
const ARCHIVE = [
  'set -e',
  'if [ -e "$2/$3.gz" ]; then gzip -dc "$2/$3.gz" | cmp -s - "$1"; exit; fi',
  'gzip -1 -c "$1" >"$2/.$3.tmp"',
  'sync "$2/.$3.tmp"',
  'mv "$2/.$3.tmp" "$2/$3.gz"',
  'sync "$2"',
].join('; ');

/**
 * Where in an archive the segments of one cluster lie. Each has its own folder, by its identifier: the names of segments begin anew with every
 * cluster, and after an upgrade, or in a new data folder, they would meet those of another.
 */
export const archiveOf = (archiveFolder: string, systemIdentifier: string): string =>
  join(archiveFolder, systemIdentifier);

/** The first eight bytes of a cluster's control file. */
function systemIdentifierOf(clusterFolder: string): string {
  return readFileSync(join(clusterFolder, 'global', 'pg_control'))
    .readBigUInt64LE(0)
    .toString();
}

/** The archive of this very cluster. */
export function archiveForCluster(archive: WalArchive, clusterFolder: string): WalArchive {
  return { ...archive, folder: archiveOf(archive.folder, systemIdentifierOf(clusterFolder)) };
}

/** The server's settings for this archive; without one it archives nothing. */
export function archiveSettings(archive: WalArchive | undefined): ServerSettings {
  if (archive === undefined) return { archive_mode: 'off' };
  return {
    archive_mode: 'on',
    archive_timeout: `${archive.timeoutSeconds}s`,
    archive_command: `/bin/sh -c ${quoted(percentDoubled(ARCHIVE))} sh "%p" ${quoted(percentDoubled(archive.folder))} "%f"`,
  };
}

/** How a recovery gets segments and timeline histories out of the archive; without one, there are those in the backup alone. */
export function restoreCommand(archiveFolder: string | undefined): string {
  if (archiveFolder === undefined) return 'false';
  const script = '[ -e "$1/$2.gz" ] || exit 1; gzip -dc "$1/$2.gz" >"$3"';
  return `/bin/sh -c ${quoted(script)} sh ${quoted(percentDoubled(archiveFolder))} "%f" "%p"`;
}

/**
 * What is kept with the data folder. It outlives the process that named it: a command of the command line that brings the
 * server up without it would leave a gap in the archive, and nothing after a gap can be recovered.
 */
export function readWalArchive(folder: DataFolder): WalArchive | undefined {
  if (!existsSync(folder.walArchive)) return undefined;
  return JSON.parse(readFileSync(folder.walArchive, 'utf8')) as WalArchive;
}

/** `off` ends the archiving from the next start of the server on. */
export function keepWalArchive(folder: DataFolder, archive: WalArchive | 'off'): void {
  if (archive === 'off') return rmSync(folder.walArchive, { force: true });
  if (!isAbsolute(archive.folder) || /["\n\0]/.test(archive.folder)) {
    throw new EmbeddedError(
      'archive_unusable',
      `${archive.folder} cannot be the archive: an absolute path without quotes is wanted.`,
    );
  }
  const known = readWalArchive(folder);
  if (known?.folder === archive.folder && known.timeoutSeconds === archive.timeoutSeconds) return;
  replaceFile(folder.walArchive, `${JSON.stringify(archive)}\n`);
}

/** Makes the folder if need be, for the user that the server runs as, and makes sure that he can write there. */
export async function prepareArchive({ folder }: WalArchive, descent: Descent): Promise<void> {
  const owner = fileOwner(descent);
  try {
    if (!existsSync(folder)) {
      // The server's user owns what is made here, and passes through what is above it.
      const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (owner !== undefined)
        for (const made of new Set([folder, first ?? folder])) chownSync(made, owner.uid, owner.gid);
    }
  } catch (cause) {
    throw new EmbeddedError('archive_unusable', `The archive ${folder} cannot be made (${codeOf(cause)}).`, cause);
  }
  const test = ['-c', 'test -d "$0" && test -w "$0" && test -x "$0" && command -v gzip cmp sync >/dev/null', folder];
  const code = await new Promise<number | null>((resolve, reject) => {
    const child = spawnUnprivileged(descent, '/bin/sh', test, { stdio: 'ignore' });
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  const who = owner === undefined ? 'this user' : `the user ${owner.uid}, as whom PostgreSQL runs`;
  throw new EmbeddedError(
    'archive_unusable',
    `${who} cannot write to the archive ${realpathSync(folder)}, or gzip, cmp or sync are missing here. Without them nothing would be archived.`,
  );
}

/** Whether the server of this cluster, which runs, was started with this archive. */
export function archivesInto(clusterFolder: string, archive: WalArchive): boolean {
  const words = readFileSync(join(clusterFolder, 'postmaster.opts'), 'utf8');
  return words.includes(
    `archive_command=${archiveSettings(archiveForCluster(archive, clusterFolder))['archive_command'] ?? ''}`,
  );
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** PostgreSQL reads %p, %f and %% in the command. */
const percentDoubled = (text: string): string => text.replaceAll('%', '%%');

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);
