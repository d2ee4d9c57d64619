import { availableParallelism } from 'node:os';
import { readCgroup, type CgroupFigures } from './cgroup.js';

/** CPUs that this process may use at once, as 1.5: what the machine offers, less where its control group is given fewer. A few file reads. */
export function availableCpus(cgroup: Pick<CgroupFigures, 'cpuLimit'> = readCgroup()): number {
  const offered = availableParallelism();
  return Math.min(offered, cgroup.cpuLimit ?? offered);
}
