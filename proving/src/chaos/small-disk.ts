import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, realpathSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own that can be filled to the last byte. */
export interface SmallDisk {
  readonly folder: string;
  fill(): void;
  /** Gives the room back. */
  clear(): void;
  /** Unmounts it. May be called twice. */
  close(): void;
}

const sizeMib = 512;
const blockBytes = 1_048_576;

/** Mounts a small tmpfs. Where that is not allowed (no root, no capability), says why not. */
export function mountSmallDisk(): SmallDisk | { readonly refused: string } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dunlin-chaos-disk-')));
  const words = ['-t', 'tmpfs', '-o', `size=${sizeMib}m,mode=1777`, 'tmpfs', folder];
  const outcome = spawnSync('mount', words, { encoding: 'utf8', timeout: 10_000 });
  if (outcome.status !== 0) {
    rmdirSync(folder);
    return { refused: (outcome.error?.message ?? outcome.stderr).trim().split('\n')[0] ?? 'mount failed' };
  }
  const ballast = join(folder, 'ballast');
  let isMounted = true;
  const unmount = (): void => {
    if (!isMounted) return;
    isMounted = false;
    // Lazily: a server that was just killed may hold it for another moment.
    spawnSync('umount', ['--lazy', folder], { timeout: 10_000 });
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', unmount);
  return {
    folder,
    fill: () => writeUntilFull(ballast),
    clear: () => rmSync(ballast, { force: true }),
    close() {
      process.removeListener('exit', unmount);
      unmount();
    },
  };
}

function writeUntilFull(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (let size = blockBytes; size >= 1;) {
      try {
        writeSync(file, Buffer.alloc(size));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        size = Math.floor(size / 2);
      }
    }
  } finally {
    closeSync(file);
  }
}
