import { inTurn, named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atLeastTimes } from '../../harness/target.js';
import { startWorker, type Worker } from '../../harness/worker.js';
import { onClient } from '../../ledger/bench-server.js';
import { inSetting } from '../setting.js';
import { readingUsers } from '../transfer-load.js';
import { barePath, type BareSettings } from '../workers/bare-worker.js';
import { wrk } from '../wrk.js';

const forSeconds = 2;
const connections = 64;
const path = '/wallet/balance';

/** A balance from the cache, and past it. */
export function balance(context: BenchContext): Promise<Answer> {
  return inSetting(context, async ({ server, load, start }) => {
    const wallet = await start();
    await refuseUncached(wallet.url, load.pair.token);
    const userIds = await onClient(server.url, async (client) => {
      const { rows } = await client.query<{ id: string }>(
        `select id from users where role = 'user' order by id limit ${readingUsers}`,
      );
      return rows.map(({ id }) => id);
    });
    const workers: Worker[] = [];
    const bare = async (kind: BareSettings['kind']): Promise<() => Promise<number>> => {
      const settings: BareSettings = { kind, databaseUrl: server.url, userIds };
      const worker = await startWorker(
        new URL('../workers/bare-worker.js', import.meta.url),
        settings,
        context.cores.measured,
      );
      workers.push(worker);
      const url = `http://127.0.0.1:${await worker.ask<number>({ do: 'port' })}${barePath}`;
      return async () => (await wrk({ url, connections, forSeconds }, context.cores.other)).perSecond / 1000;
    };
    const ours = (noCache: boolean) => async (): Promise<number> =>
      (await load.reads(wallet.url, path, { noCache, forSeconds })).perSecond / 1000;
    try {
      const all = await inTurn(
        [
          { contestant: 'bare Fastify, a constant', measure: await bare('constant') },
          { contestant: 'wallet, cached balance', measure: ours(false) },
          { contestant: 'bare Fastify and pg, the account row', measure: await bare('account row') },
          { contestant: 'wallet, uncached balance', measure: ours(true) },
        ],
        context.rounds,
        'k/s',
      );
      const target = (name: string, one: string, other: string, times: number) =>
        atLeastTimes(name, named(all, one), named(all, other), times);
      return {
        question: 'Balance over HTTP',
        method:
          `${readingUsers} signed-in users in turn, wrk with ${connections} connections for ${forSeconds} s a round, wallet and generator on different cores. ` +
          'The wallet authenticates, counts towards limits, traces and measures every request. Uncached: `Cache-Control: no-cache`.',
        measured: all,
        targets: [
          target('cached balance', 'wallet, cached balance', 'bare Fastify, a constant', 0.75),
          target('uncached balance', 'wallet, uncached balance', 'bare Fastify and pg, the account row', 0.8),
        ],
      };
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }
  });
}

/** The second answer must be a hit, and one with no-cache none: else something else would be measured than what stands in the table. */
async function refuseUncached(url: string, token: string): Promise<void> {
  const ask = async (headers: Record<string, string> = {}): Promise<string> => {
    const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}`, ...headers } });
    await answer.arrayBuffer();
    return answer.headers.get('cache-status') ?? '';
  };
  await ask();
  const [second, past] = [await ask(), await ask({ 'cache-control': 'no-cache' })];
  if (!second.includes('hit')) throw new Error(`the second balance was no hit: ${second}`);
  if (past.includes('hit')) throw new Error(`a balance with no-cache was a hit: ${past}`);
}
