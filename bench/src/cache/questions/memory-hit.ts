import { inTurn, named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atMostTimes, lessThan } from '../../harness/target.js';
import type { ContestantName } from '../contestants/all.js';
import type { Tier } from '../contestants/keyed-cache.js';
import { withKeyed } from '../keyed-turn.js';

const keyCount = 100_000;
const forMs = 250;

const contenders: readonly (readonly [ContestantName, Tier, string])[] = [
  ['@dunlin/cache', 'memory', '@dunlin/cache'],
  ['@dunlin/cache', 'both', '@dunlin/cache, over Redis'],
  ['Map', 'memory', 'awaited Map'],
  ['lru-cache', 'memory', 'lru-cache with ttl'],
  ['keyv, unserialised', 'memory', 'keyv, unserialised'],
  ['cache-manager', 'memory', 'cache-manager'],
  ['cacheable', 'memory', 'cacheable'],
  ['bentocache', 'memory', 'bentocache'],
];

/** A hit in this process's memory. */
export async function memoryHit(context: BenchContext): Promise<Answer> {
  const wanted = contenders.map(([name, tier]) => [name, { tier, keyCount, mark: 'memory' }] as const);
  const all = await withKeyed(context, wanted, async (workers) => {
    for (const worker of workers) await worker.ask({ do: 'fill' });
    const turns = workers.map((worker, index) => ({
      contestant: contenders[index]?.[2] ?? '',
      measure: async () => (await worker.ask<number>({ do: 'read', forMs, inFlight: 1 })) / 1000,
    }));
    return inTurn(turns, context.rounds, 'µs');
  });
  const map = named(all, 'awaited Map');
  const ours = ['@dunlin/cache', '@dunlin/cache, over Redis'].map((name) => named(all, name));
  const peers = ['keyv, unserialised', 'cache-manager', 'cacheable', 'bentocache'].map((name) => named(all, name));
  return {
    question: 'Hit in memory',
    method: `\`await get(key)\`, one after the other for ${forMs} ms a round; 100,000 keys \`user:<n>:profile\` with 200 bytes of JSON each, Zipf 1. Each in a process of its own.`,
    measured: all,
    targets: ours.flatMap((one) => [
      atMostTimes(`hit in memory (${one.contestant}) against an awaited Map`, one, map, 2.5),
      ...peers.map((peer) =>
        ['bentocache', 'cacheable'].includes(peer.contestant)
          ? atMostTimes(`hit in memory (${one.contestant}) against ${peer.contestant}`, one, peer, 0.1)
          : lessThan(`hit in memory (${one.contestant}) against ${peer.contestant}`, one, peer),
      ),
    ]),
  };
}
