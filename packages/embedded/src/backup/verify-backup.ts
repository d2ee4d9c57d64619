import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { EmbeddedError } from '../errors.js';
import { checksumOf } from './copy-file.js';
import { backupFolderAt, readDescription, type BackupDescription } from './description.js';
import { isExcluded } from './excluded.js';
import { parseManifest } from './manifest.js';

/**
 * Reads the whole backup and compares it with its manifest: every file there, none more, each as it was written.
 * Throws `EmbeddedError` (`no_backup`, `backup_damaged`) that names the first difference.
 */
export async function verifyBackup(path: string, signal?: AbortSignal): Promise<BackupDescription> {
  const folder = backupFolderAt(path);
  const description = readDescription(folder);
  const damaged = (what: string, cause?: unknown): EmbeddedError =>
    new EmbeddedError('backup_damaged', `The backup in ${path} is damaged: ${what}. Nothing was restored.`, cause);

  let manifest: string;
  try {
    manifest = readFileSync(folder.manifest, 'utf8');
  } catch (cause) {
    throw damaged('its manifest (cluster/backup_manifest) cannot be read', cause);
  }
  if (createHash('sha256').update(manifest).digest('hex') !== description.manifestSha256) {
    throw damaged('its manifest is not the one that was written with it');
  }
  const wal = description.wal.map(({ name, ...rest }) => ({ path: `pg_wal/${name}`, ...rest }));
  const wanted = new Map([...parseManifest(manifest), ...wal].map((file) => [file.path, file]));
  for (const { path: name, sizeBytes, sha256 } of wanted.values()) {
    const seen = await checksumOf(join(folder.cluster, name), signal).catch((cause: unknown) => {
      if (signal?.aborted === true) throw cause;
      throw damaged(`${name} cannot be read (${(cause as NodeJS.ErrnoException).code ?? String(cause)})`, cause);
    });
    if (seen.sizeBytes !== sizeBytes || seen.sha256 !== sha256) throw damaged(`${name} has changed`);
  }
  for (const entry of await readdir(folder.cluster, { recursive: true, withFileTypes: true })) {
    const name = join(entry.parentPath, entry.name)
      .slice(folder.cluster.length + 1)
      .split(sep)
      .join('/');
    const isKnown = wanted.has(name) || name === 'backup_manifest';
    if (!entry.isDirectory() && !isKnown)
      throw damaged(`${name} does not belong to it${isExcluded(name) ? ' (a server ran on it)' : ''}`);
  }
  return description;
}
