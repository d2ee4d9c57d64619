import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { findBinaries } from '@dunlin/embedded';
import type { BenchRedis } from './redis-server.js';

/** Where and with what a run was made. */
export interface MachineFacts {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly redis: string;
  readonly postgres: string;
  /** Processes that wanted a core in the minute before the run: above 0.5 the machine was shared. */
  readonly loadBefore: number;
}

export function machineFacts(redis: BenchRedis): MachineFacts {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    redis: redis.isOurs ? redis.version : `${redis.version} (REDIS_URL)`,
    postgres: postgresVersion(),
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** What the embedded server says of itself; a platform without one is a fact as well. */
function postgresVersion(): string {
  try {
    const outcome = spawnSync(findBinaries().postgres, ['--version'], { encoding: 'utf8', timeout: 5_000 });
    const version = /(\d+(?:\.\d+)+)/.exec(outcome.stdout)?.[1];
    return version === undefined ? 'embedded, version unknown' : `${version} (embedded)`;
  } catch {
    return 'none embedded for this platform';
  }
}
