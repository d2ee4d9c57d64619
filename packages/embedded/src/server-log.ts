import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const MAX_CHARACTERS = 65_536;

/**
 * What the server `pid` said of its start: in `startLog`, and, where its log goes into files of its own, in those. The reason for a start
 * that failed stands there more often than not, since they are open before the port is bound. Lines of other processes are left out.
 */
export function saidAtStart(folder: string, pid: number | undefined, startLog: string): string {
  const own = currentLogFiles(folder).flatMap((file) => linesOf(pid, read(join(folder, file))));
  return [read(startLog).trim(), ...own].join('\n');
}

/** PostgreSQL names them in a file: a kind and a path within the folder on each line. */
function currentLogFiles(folder: string): string[] {
  return read(join(folder, 'current_logfiles'))
    .split('\n')
    .filter((line) => line.startsWith('stderr '))
    .map((line) => line.slice('stderr '.length));
}

/** Lines begin with the time and `[pid]`; one that does not belongs to the line before it. */
function linesOf(pid: number | undefined, text: string): string[] {
  let isOwn = false;
  return text.split('\n').filter((line) => {
    const writer = /^\d{4}-.{10,30}\[(\d+)\] /.exec(line)?.[1];
    if (writer !== undefined) isOwn = Number(writer) === pid;
    return isOwn && line !== '';
  });
}

/** The end of a file; nothing where there is none. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-MAX_CHARACTERS);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
