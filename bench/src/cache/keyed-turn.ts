import { startWorker, type Worker } from '../harness/worker.js';
import type { BenchContext } from '../harness/suite.js';
import type { ContestantName } from './contestants/all.js';
import type { Tier } from './contestants/keyed-cache.js';
import type { KeyedRequest, KeyedSettings } from './workers/keyed-worker.js';

const module = new URL('./workers/keyed-worker.js', import.meta.url);

/** A process that holds one contestant. */
export interface KeyedWorker {
  readonly contestant: ContestantName;
  ask<Reply>(request: KeyedRequest): Promise<Reply>;
  stop(): Promise<void>;
}

export interface KeyedOptions {
  readonly tier: Tier;
  readonly keyCount: number;
  /** Added to the mark, so that two questions do not read each other's values. */
  readonly mark: string;
}

export async function startKeyed(
  context: BenchContext,
  contestant: ContestantName,
  options: KeyedOptions,
): Promise<KeyedWorker> {
  const settings: KeyedSettings = {
    contestant,
    tier: options.tier,
    keyCount: options.keyCount,
    redisUrl: context.redis.url,
    mark: `${context.redis.mark}-${options.mark}`,
  };
  const worker: Worker = await startWorker(module, settings);
  return { contestant, ask: (request) => worker.ask(request), stop: () => worker.stop() };
}

/** Opens all, runs `work` with them, and ends them whatever happened. */
export async function withKeyed<T>(
  context: BenchContext,
  wanted: readonly (readonly [ContestantName, KeyedOptions])[],
  work: (workers: readonly KeyedWorker[]) => Promise<T>,
): Promise<T> {
  const workers: KeyedWorker[] = [];
  try {
    for (const [contestant, options] of wanted) workers.push(await startKeyed(context, contestant, options));
    return await work(workers);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}
