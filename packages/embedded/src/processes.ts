import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** True while this id is taken, be it by a process that has ended and waits for its parent to take note. */
export function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** True while a process with this id runs, whoever owns it. */
export function isAlive(pid: number): boolean {
  return isTaken(pid) && statFields(pid)?.[0] !== 'Z';
}

/**
 * Sends a signal; answers false when the process was gone already. Only to one process: 0 and below would reach whole groups of them, the
 * caller's own among them, so they are refused.
 */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  if (!Number.isInteger(pid) || pid <= 0) throw new RangeError(`${pid} is the id of no process`);
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/**
 * A word that tells this process from a later one with the same id: the boot and the tick it was started in.
 * Undefined where the system does not say (no /proc).
 */
export function startMark(pid: number): string | undefined {
  const startTick = statFields(pid)?.[19];
  if (startTick === undefined) return undefined;
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${startTick}`;
  } catch {
    return startTick;
  }
}

/** The process and all that descend from it, parents first. Only where there is a /proc; elsewhere the process alone. */
export function processTree(pid: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const entry of processIds()) {
    const parent = Number(statFields(entry)?.[1]);
    const siblings = childrenOf.get(parent) ?? [];
    siblings.push(entry);
    childrenOf.set(parent, siblings);
  }
  const tree = [pid];
  for (let at = 0; at < tree.length; at += 1) tree.push(...(childrenOf.get(tree[at] ?? 0) ?? []));
  return tree;
}

/**
 * True when this process is the PostgreSQL server of the cluster in `folder`. Where its working folder may not be read
 * (root in a container has no right to trace other users' processes), its command line tells.
 */
export function isServerOf(folder: string, pid: number): boolean {
  return isAlive(pid) && worksInside(folder, pid);
}

/**
 * The processes that work inside `folder` (a PostgreSQL server's processes all do), and what descends from them.
 * Needs /proc. In a container, processes whose server has been killed under them can escape this look.
 */
export function processesInside(folder: string): number[] {
  const found = new Set<number>();
  for (const pid of processIds()) {
    if (worksInside(folder, pid)) for (const member of processTree(pid)) found.add(member);
  }
  return [...found].filter(isAlive);
}

function worksInside(folder: string, pid: number): boolean {
  try {
    const cwd = readlinkSync(`/proc/${pid}/cwd`);
    return cwd === folder || cwd.startsWith(`${folder}/`);
  } catch {
    const command = commandOf(pid);
    const named = command[command.indexOf('-D') + 1];
    return command.includes('-D') && named !== undefined && (named === folder || named.startsWith(`${folder}/`));
  }
}

function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid > 0);
  } catch {
    return [];
  }
}

/** The fields of /proc/<pid>/stat from the third (the state) on: the second, a name, may hold blanks and brackets. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
