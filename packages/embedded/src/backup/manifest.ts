import { createHash } from 'node:crypto';
import { EmbeddedError } from '../errors.js';

/** One file of the cluster as the manifest lists it; `path` is relative, with slashes. */
export interface ManifestFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly modifiedAt: Date;
}

/** What of the write-ahead log is needed to make the copy consistent. */
export interface WalRange {
  readonly timeline: number;
  readonly startLsn: string;
  readonly endLsn: string;
}

/**
 * Writes PostgreSQL's own `backup_manifest` (version 1), so that `pg_verifybackup` of any version can check the copy as
 * well. Its last line holds the SHA-256 of all lines before.
 */
export function writeManifest(files: readonly ManifestFile[], wal: WalRange): string {
  const entries = files.map(
    ({ path, sizeBytes, sha256, modifiedAt }) =>
      `{ "Path": ${JSON.stringify(path)}, "Size": ${sizeBytes}, "Last-Modified": "${gmt(modifiedAt)}", ` +
      `"Checksum-Algorithm": "SHA256", "Checksum": "${sha256}" }`,
  );
  const body =
    `{ "PostgreSQL-Backup-Manifest-Version": 1,\n"Files": [\n${entries.join(',\n')}\n],\n"WAL-Ranges": [\n` +
    `{ "Timeline": ${wal.timeline}, "Start-LSN": "${wal.startLsn}", "End-LSN": "${wal.endLsn}" }\n],\n`;
  return `${body}"Manifest-Checksum": "${sha256(body)}"}\n`;
}

/** Reads a manifest back. Throws `EmbeddedError` (`backup_damaged`) unless it is whole. */
export function parseManifest(text: string): { path: string; sizeBytes: number; sha256: string }[] {
  const lastLine = text.lastIndexOf('\n', text.length - 2) + 1;
  const body = text.slice(0, lastLine);
  const stated = /^"Manifest-Checksum": "([0-9a-f]{64})"\}\n$/.exec(text.slice(lastLine))?.[1];
  if (stated !== sha256(body)) {
    throw new EmbeddedError('backup_damaged', 'The manifest of this backup (cluster/backup_manifest) is damaged.');
  }
  const parsed = JSON.parse(text) as { Files: { Path: string; Size: number; Checksum: string }[] };
  return parsed.Files.map((file) => ({ path: file.Path, sizeBytes: file.Size, sha256: file.Checksum }));
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** `2026-01-31 12:00:00 GMT`, as PostgreSQL spells it. */
const gmt = (at: Date): string => `${at.toISOString().slice(0, 19).replace('T', ' ')} GMT`;
