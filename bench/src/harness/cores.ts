import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Which core does what. Undefined: the kernel decides, because there is one core only or no `taskset`. */
export interface Cores {
  /** Where what is measured runs. */
  readonly measured: number | undefined;
  /** Where the load generator or the server behind it runs. */
  readonly other: number | undefined;
}

export function chooseCores(): Cores {
  const hasTaskset = spawnSync('taskset', ['--version'], { stdio: 'ignore', timeout: 5_000 }).status === 0;
  if (!hasTaskset || availableParallelism() < 2) return { measured: undefined, other: undefined };
  return { measured: 0, other: 1 };
}

/** The words to put before a command so that it runs on `core`. */
export function pinnedTo(core: number | undefined): readonly string[] {
  return core === undefined ? [] : ['taskset', '-c', String(core)];
}

/** Moves a process that already runs, all its threads included. Throws when it does not go there. */
export function pinProcess(pid: number, core: number): void {
  const outcome = spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { timeout: 5_000 });
  if (outcome.status !== 0) throw new Error(`process ${pid} could not be pinned to core ${core}`);
}
