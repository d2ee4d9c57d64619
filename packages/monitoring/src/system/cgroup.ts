import { readFileSync } from 'node:fs';

/** What the control group of this process allows and uses; absent values are not limited or cannot be read. */
export interface CgroupFigures {
  version: 1 | 2 | undefined;
  /** CPUs that the group may use at once, e.g. 1.5. */
  cpuLimit: number | undefined;
  memoryLimitBytes: number | undefined;
  /** Memory that cannot be given back without hurting: usage less the inactive file cache. This is what the kernel's limit bites on. */
  workingSetBytes: number | undefined;
}

/** Reads one file as text, or gives undefined when there is none. */
export type ReadText = (path: string) => string | undefined;

const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // A file that is absent or closed to us is how "not limited by this controller" looks.
    return undefined;
  }
};

const ROOT = '/sys/fs/cgroup';
/** The kernel writes "no limit" in version 1 as a number near 2⁶³. */
const ABSURD_BYTES = 2 ** 60;

/** Reads the limits of version 2 (`cpu.max`, `memory.max`) or version 1 (`cpu.cfs_quota_us`, `memory.limit_in_bytes`). A few file reads, about 50 µs. */
export function readCgroup(read: ReadText = readText): CgroupFigures {
  const membership = read('/proc/self/cgroup') ?? '';
  const unified = /^0::(\/.*)$/m.exec(membership)?.[1];
  if (unified !== undefined && read(`${ROOT}/cgroup.controllers`) !== undefined) return readUnified(read, unified);
  if (
    read(`${ROOT}/memory/memory.limit_in_bytes`) !== undefined ||
    read(`${ROOT}/cpu/cpu.cfs_quota_us`) !== undefined
  ) {
    return readLegacy(read, membership);
  }
  return { version: undefined, cpuLimit: undefined, memoryLimitBytes: undefined, workingSetBytes: undefined };
}

function readUnified(read: ReadText, path: string): CgroupFigures {
  let cpuLimit: number | undefined;
  let memoryLimitBytes: number | undefined;
  // A limit anywhere above binds too, so the tightest on the way up counts.
  for (const folder of ancestors(path)) {
    const cpu = parseCpuMax(read(`${ROOT}${folder}/cpu.max`));
    if (cpu !== undefined) cpuLimit = Math.min(cpuLimit ?? Infinity, cpu);
    const memory = parseBytes(read(`${ROOT}${folder}/memory.max`));
    if (memory !== undefined) memoryLimitBytes = Math.min(memoryLimitBytes ?? Infinity, memory);
  }
  const own = ancestors(path).find((folder) => read(`${ROOT}${folder}/memory.current`) !== undefined);
  const workingSetBytes =
    own === undefined
      ? undefined
      : workingSet(read(`${ROOT}${own}/memory.current`), read(`${ROOT}${own}/memory.stat`), 'inactive_file');
  return { version: 2, cpuLimit, memoryLimitBytes, workingSetBytes };
}

function readLegacy(read: ReadText, membership: string): CgroupFigures {
  const memoryPath = legacyFolder(read, membership, 'memory', 'memory.usage_in_bytes');
  const memoryRoot = `${ROOT}/memory`;
  const stat = read(`${memoryPath}/memory.stat`);
  // The kernel itself tells the tightest limit on the way up, where it is asked to count by hierarchy.
  const limits = [
    parseBytes(read(`${memoryPath}/memory.limit_in_bytes`)),
    parseBytes(statField(stat, 'hierarchical_memory_limit')),
    parseBytes(read(`${memoryRoot}/memory.limit_in_bytes`)),
  ].filter((limit) => limit !== undefined);
  return {
    version: 1,
    cpuLimit: legacyCpuLimit(read, legacyFolder(read, membership, 'cpu', 'cpu.cfs_quota_us')),
    memoryLimitBytes: limits.length === 0 ? undefined : Math.min(...limits),
    workingSetBytes: workingSet(read(`${memoryPath}/memory.usage_in_bytes`), stat, 'total_inactive_file'),
  };
}

/** A quota anywhere above binds too, and nobody tells it in one place. */
function legacyCpuLimit(read: ReadText, folder: string): number | undefined {
  const root = `${ROOT}/cpu`;
  const limits = ancestors(folder.slice(root.length)).map((group) => {
    const quota = Number(read(`${root}${group}/cpu.cfs_quota_us`) ?? NaN);
    const period = Number(read(`${root}${group}/cpu.cfs_period_us`) ?? NaN);
    return quota > 0 && period > 0 ? quota / period : Infinity;
  });
  const tightest = Math.min(...limits);
  return tightest === Infinity ? undefined : tightest;
}

/** Inside a container the group's own folder is often mounted as the root, so the long path is tried first. */
function legacyFolder(read: ReadText, membership: string, controller: string, file: string): string {
  const path = new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(/.*)$`, 'm').exec(membership)?.[1] ?? '';
  const own = `${ROOT}/${controller}${path === '/' ? '' : path}`;
  return read(`${own}/${file}`) === undefined ? `${ROOT}/${controller}` : own;
}

function ancestors(path: string): string[] {
  const folders: string[] = [];
  for (let folder = path === '/' ? '' : path; folder !== ''; folder = folder.slice(0, folder.lastIndexOf('/'))) {
    folders.push(folder);
    if (folders.length >= 64) break;
  }
  folders.push('');
  return folders;
}

function parseCpuMax(text: string | undefined): number | undefined {
  const [quota, period] = (text ?? '').trim().split(/\s+/);
  if (quota === undefined || period === undefined || quota === 'max') return undefined;
  const cpus = Number(quota) / Number(period);
  return cpus > 0 && Number.isFinite(cpus) ? cpus : undefined;
}

function parseBytes(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === '' || text.trim() === 'max') return undefined;
  const bytes = Number(text);
  return bytes > 0 && bytes < ABSURD_BYTES ? bytes : undefined;
}

function workingSet(usage: string | undefined, stat: string | undefined, field: string): number | undefined {
  const used = parseBytes(usage);
  if (used === undefined) return undefined;
  return Math.max(0, used - Number(statField(stat, field) ?? 0));
}

function statField(stat: string | undefined, field: string): string | undefined {
  return new RegExp(`^${field} (\\d+)$`, 'm').exec(stat ?? '')?.[1];
}
