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
