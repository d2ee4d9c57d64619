import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a running server writes into `postmaster.pid`. */
export interface PostmasterFile {
  readonly pid: number;
  readonly port: number;
  readonly state: 'starting' | 'ready' | 'standby' | 'stopping' | 'unknown';
}

/** Reads the file, or undefined when there is none. The file of a server that was killed stays behind. */
export function readPostmasterFile(folder: string): PostmasterFile | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid === 0) return undefined;
  // A server in single-user mode writes its process id negated.
  return { pid: Math.abs(pid), port: Number(lines[3]), state: stateOf(lines[7]?.trim()) };
}

function stateOf(word: string | undefined): PostmasterFile['state'] {
  switch (word) {
    case 'starting':
    case 'ready':
    case 'standby':
    case 'stopping':
      return word;
    default:
      return 'unknown';
  }
}
