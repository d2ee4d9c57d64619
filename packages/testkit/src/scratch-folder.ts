import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, processesInside } from '@dunlin/embedded';

const PREFIX = 'dunlin-test-';

/** A folder for a server of this process's; the name says whose it is, so that a later run can clear up after a crash. */
export function makeScratchFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`)));
}

/** Ends what runs in a scratch folder, and removes it. */
export function removeScratchFolder(folder: string): void {
  endProcessesInside(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

/** Ends, at once, every process that works inside this folder. */
export function endProcessesInside(folder: string): void {
  for (const pid of processesInside(folder)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself between the look and the signal.
    }
  }
}

/** Removes what test processes left behind that were killed before they could clear up. */
export function sweepScratchFolders(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    try {
      removeScratchFolder(realpathSync(join(tmpdir(), name)));
    } catch {
      // Somebody else's, or swept by another run at this moment: it does not concern this run.
    }
  }
}
