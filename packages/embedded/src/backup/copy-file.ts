import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** A file as it was copied. */
export interface CopiedFile {
  readonly sizeBytes: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
  readonly modifiedAt: Date;
}

const CHUNK_BYTES = 1_048_576;

/**
 * Copies `from` to the new file `to`, flushes it to the disk and answers with the checksum of what was written. Undefined
 * when `from` is gone: a running server removes files while they are copied, and its log says so to whoever recovers.
 */
export async function copyFile(from: string, to: string, signal?: AbortSignal): Promise<CopiedFile | undefined> {
  const source = await open(from, 'r').catch(absent);
  if (source === undefined) return undefined;
  try {
    const { mtime } = await source.stat();
    const target = await open(to, 'wx', 0o600);
    try {
      const hash = createHash('sha256');
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      let sizeBytes = 0;
      for (;;) {
        signal?.throwIfAborted();
        const { bytesRead } = await source.read(chunk, 0, CHUNK_BYTES);
        if (bytesRead === 0) break;
        const part = chunk.subarray(0, bytesRead);
        hash.update(part);
        await target.writeFile(part);
        sizeBytes += bytesRead;
      }
      await target.sync();
      return { sizeBytes, sha256: hash.digest('hex'), modifiedAt: mtime };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** The checksum of a file that must be there. */
export async function checksumOf(path: string, signal?: AbortSignal): Promise<{ sizeBytes: number; sha256: string }> {
  const source = await open(path, 'r');
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let sizeBytes = 0;
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await source.read(chunk, 0, CHUNK_BYTES);
      if (bytesRead === 0) return { sizeBytes, sha256: hash.digest('hex') };
      hash.update(chunk.subarray(0, bytesRead));
      sizeBytes += bytesRead;
    }
  } finally {
    await source.close();
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
