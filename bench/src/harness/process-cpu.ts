import { readdirSync, readFileSync } from 'node:fs';

/** Of the kernel's accounting on every Linux that Node.js runs on. */
const ticksASecond = 100;

/**
 * CPU time that a process has used so far, its threads included, in µs; in steps of 10 ms.
 * @throws Error where there is no `/proc`: use Linux.
 */
export function cpuMicros(pid: number): number {
  const { user, system } = statOf(pid);
  return ((user + system) * 1_000_000) / ticksASecond;
}

/** The same of a process and its children, those that have ended and were waited for included: a PostgreSQL with its backends. */
export function familyCpuMicros(pid: number): number {
  const own = statOf(pid);
  let ticks = own.user + own.system + own.endedChildren;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === pid) continue;
    try {
      const { parent, user, system } = statOf(Number(name));
      if (parent === pid) ticks += user + system;
    } catch (error) {
      // It ended between the listing and the reading; its parent has its time.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return (ticks * 1_000_000) / ticksASecond;
}

function statOf(pid: number): { parent: number; user: number; system: number; endedChildren: number } {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name in parentheses may hold anything, so what follows the last one counts: state is field 3 of proc(5).
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const at = (field: number): number => fields[field - 3] ?? NaN;
  return { parent: at(4), user: at(14), system: at(15), endedChildren: at(16) + at(17) };
}
