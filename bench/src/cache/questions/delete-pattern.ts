import { setTimeout as delay } from 'node:timers/promises';
import { inTurn, named } from '../../harness/in-turn.js';
import { plainClient } from '../../harness/redis-server.js';
import { measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { ceiling } from '../../harness/target.js';
import { startWorker, type Worker } from '../../harness/worker.js';
import type { ContestantName } from '../contestants/all.js';
import { withKeyed, type KeyedWorker } from '../keyed-turn.js';
import type { Seen } from '../workers/onlooker-worker.js';

const ballastKeys = 1_000_000;
const members = 1_000;
const group = 'user:123';
/** Looked on before and after the removal, so that the wait of a command that was already under way is seen whole. */
const marginMs = 15;

const contenders: readonly ContestantName[] = [
  '@dunlin/cache',
  'index set + UNLINK',
  'generation bump',
  'KEYS + UNLINK',
  'SCAN + UNLINK',
  'bentocache',
];

/** Removing `user:123:*`, 1,000 of 1,000,000 keys, while another client goes on reading. */
export async function deletePattern(context: BenchContext): Promise<Answer> {
  await putBallast(context);
  const { redis } = context;
  const onlooker = await startWorker(new URL('../workers/onlooker-worker.js', import.meta.url), {
    redisUrl: redis.url,
    mark: redis.mark,
  });
  const waits = new Map<string, number[]>(contenders.map((name) => [name, []]));
  try {
    const wanted = contenders.map((name) => [name, { tier: 'redis', keyCount: 0, mark: 'pattern' }] as const);
    const [times, idle] = await withKeyed(context, wanted, async (workers) => {
      const turns = workers.map((worker) => ({
        contestant: worker.contestant,
        measure: () => removeOnce(worker, onlooker, waits.get(worker.contestant) ?? []),
      }));
      const timesMs = await inTurn(turns, context.rounds, 'ms');
      return [timesMs, await idleWaits(onlooker, context.rounds)] as const;
    });
    const waitOf = (name: ContestantName) => measured(`another client, ${name}`, 'ms', waits.get(name)?.slice(1) ?? []);
    const idleWait = measured('another client, nothing removed', 'ms', idle);
    const best = 'index set + UNLINK';
    return {
      question: 'Delete user:123:*',
      method: `1,000 of 1,000,000 keys in Redis. Meanwhile another process reads one key again and again; its longest wait in each round, from ${marginMs} ms before to ${marginMs} ms after.`,
      measured: [...times, ...contenders.map(waitOf), idleWait],
      targets: [
        ceiling('delete user:123:*, 1,000 of 1,000,000 keys', named(times, '@dunlin/cache'), named(times, best), 5),
        ceiling('delete user:123:*: longest wait of another client', waitOf('@dunlin/cache'), idleWait, 2),
      ],
    };
  } finally {
    await onlooker.stop();
    await removeBallast(context);
  }
}

async function removeOnce(worker: KeyedWorker, onlooker: Worker, waits: number[]): Promise<number> {
  await worker.ask({ do: 'fillGroup', group, members });
  await onlooker.ask({ do: 'watch' });
  await delay(marginMs);
  const tookMs = await worker.ask<number>({ do: 'removeGroup', group });
  await delay(marginMs);
  const { longestMs } = await onlooker.ask<Seen>({ do: 'stop' });
  waits.push(longestMs);
  return tookMs;
}

/** What the onlooker waits for when nobody removes anything: the machine's own noise. */
async function idleWaits(onlooker: Worker, rounds: number): Promise<number[]> {
  const waits: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await onlooker.ask({ do: 'watch' });
    await delay(marginMs * 2);
    waits.push((await onlooker.ask<Seen>({ do: 'stop' })).longestMs);
  }
  return waits;
}

const ballastStep = 5_000;

function ballastNames(mark: string, from: number): string[] {
  return Array.from({ length: ballastStep }, (_, offset) => `${mark}:ballast:user:${from + offset}:profile`);
}

async function putBallast({ redis }: BenchContext): Promise<void> {
  const client = await plainClient(redis.url);
  try {
    for (let from = 0; from < ballastKeys; from += ballastStep) {
      await client.mset(ballastNames(redis.mark, from).flatMap((name) => [name, 'ballast']));
    }
  } finally {
    client.disconnect();
  }
}

async function removeBallast({ redis }: BenchContext): Promise<void> {
  const client = await plainClient(redis.url);
  try {
    for (let from = 0; from < ballastKeys; from += ballastStep) await client.unlink(ballastNames(redis.mark, from));
  } finally {
    client.disconnect();
  }
}
