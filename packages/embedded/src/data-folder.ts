import { accessSync, constants, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Binaries } from './binaries.js';
import { clusterVersion, generateCredentials, type Credentials } from './cluster.js';
import { EmbeddedError } from './errors.js';
import { replaceFile } from './replace-file.js';

/** Where things lie below the data folder. */
export interface DataFolder {
  readonly path: string;
  readonly cluster: string;
  readonly credentials: string;
  /** How to reach the running keeper. */
  readonly keeperAddress: string;
  readonly keeperLock: string;
  readonly keeperLog: string;
  readonly startLog: string;
  /** The port that the server had last, to have it again. */
  readonly port: string;
  /** Where the log is archived, when it is. */
  readonly walArchive: string;
}

/** The layout; touches nothing. */
export function dataFolderAt(path: string): DataFolder {
  return {
    path,
    cluster: join(path, 'postgres'),
    credentials: join(path, 'credentials.json'),
    keeperAddress: join(path, 'keeper.json'),
    keeperLock: join(path, 'keeper.lock'),
    keeperLog: join(path, 'keeper.log'),
    startLog: join(path, 'postgres-start.log'),
    port: join(path, 'postgres-port'),
    walArchive: join(path, 'wal-archive.json'),
  };
}

/** Where an upgrade builds the cluster of the newer version. */
export const upgradedCluster = ({ cluster }: DataFolder): string => `${cluster}.upgraded`;

/**
 * Makes the folder if need be and refuses one that cannot be used, in words for whoever starts the program: not
 * writable, somebody else's, of another PostgreSQL, or holding something that is no database.
 */
export function prepareDataFolder(folder: DataFolder, binaries: Binaries): void {
  const { path, cluster, credentials } = folder;
  const isRoot = process.getuid?.() === 0;
  try {
    // As root the server runs as another user, who must be able to pass through; the files in it stay closed to him.
    mkdirSync(path, { recursive: true, mode: isRoot ? 0o711 : 0o700 });
  } catch (error) {
    throw notWritable(path, dirname(path), error);
  }
  refuseForeignOwner(path);
  try {
    accessSync(path, constants.W_OK | constants.X_OK | constants.R_OK);
  } catch (error) {
    throw notWritable(path, path, error);
  }
  if (!existsSync(cluster)) {
    if (!existsSync(upgradedCluster(folder))) return;
    // A new, empty database in its place would look like a loss of everything.
    throw new EmbeddedError(
      'other_major_version',
      `An upgrade of ${cluster} was cut off at its very last step. Run \`dunlin upgrade\` once more to finish it.`,
    );
  }
  refuseForeignOwner(cluster);
  const version = clusterVersion(cluster);
  if (version === undefined) {
    const isEmpty = lstatSync(cluster).isDirectory() && readdirSync(cluster).length === 0;
    if (isEmpty) return;
    throw new EmbeddedError(
      'foreign_folder',
      `${cluster} holds something that is no PostgreSQL database. Move it away, or name another folder in DATA_DIR.`,
    );
  }
  if (version !== binaries.majorVersion) {
    throw new EmbeddedError(
      'other_major_version',
      `${cluster} was made by PostgreSQL ${version}, and this is PostgreSQL ${binaries.majorVersion}, which cannot read it. ` +
        'Nothing was changed. `dunlin upgrade` carries the data over (docs/operations.md); or name another folder in DATA_DIR.',
    );
  }
  if (!existsSync(credentials)) {
    throw new EmbeddedError(
      'foreign_folder',
      `${cluster} holds a database, but its passwords (${credentials}) are missing. Put the file back from your backup.`,
    );
  }
}

/** The credentials of the cluster, made up and stored (0600) when there are none yet. Call it under the keeper's lock. */
export function loadOrCreateCredentials(folder: DataFolder, database: string): Credentials {
  if (existsSync(folder.credentials)) return loadCredentials(folder);
  const credentials = generateCredentials(database);
  replaceFile(folder.credentials, `${JSON.stringify(credentials, null, 2)}\n`);
  return credentials;
}

/** Throws when the file is not there or is no credentials file. */
export function loadCredentials(folder: DataFolder): Credentials {
  const parsed = JSON.parse(readFileSync(folder.credentials, 'utf8')) as Partial<Credentials>;
  const { superuser, owner, database } = parsed;
  if (superuser?.password === undefined || owner?.password === undefined || database === undefined) {
    throw new EmbeddedError('foreign_folder', `${folder.credentials} does not hold the passwords of a database.`);
  }
  return { superuser, owner, database };
}

function refuseForeignOwner(path: string): void {
  const uid = process.getuid?.();
  if (uid === undefined || uid === 0) return;
  const owner = statSync(path).uid;
  if (owner === uid) return;
  throw new EmbeddedError(
    'folder_of_another_user',
    `${path} belongs to another user (id ${owner}; this is ${uid}). Start as that user, give the folder to this one ` +
      `(chown -R ${uid} ${path}), or name another folder in DATA_DIR.`,
  );
}

function notWritable(path: string, where: string, cause: unknown): EmbeddedError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new EmbeddedError(
    'folder_not_writable',
    `The data folder ${path} cannot be written (${code} at ${where}). Make it writable for this user, or name another folder in DATA_DIR.`,
    cause,
  );
}
