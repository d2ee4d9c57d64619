import { inTurn, named } from '../../harness/in-turn.js';
import { measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atLeastTimes, atMostTimes, exactly } from '../../harness/target.js';
import { inSetting } from '../setting.js';
import { activeUsers, warmUp, warmUpSeconds } from '../transfer-load.js';

const forSeconds = 2;
const connections = 64;

/** Transfers over HTTP, each answered after its commit. */
export function transfers(context: BenchContext): Promise<Answer> {
  return inSetting(context, async ({ server, load, start }) => {
    const { url } = await start();
    await warmUp(load, [url]);
    const clients = await server.pgbench.bestClients(forSeconds);
    const over = (zipf: 0 | 1 | 2) => async (): Promise<number> =>
      (await load.transfers(url, { zipf, connections, forSeconds })).perSecond / 1000;
    const pgbench = `pgbench, one call, ${clients} clients`;
    const all = await inTurn(
      [
        { contestant: pgbench, measure: async () => (await server.pgbench.run(clients, forSeconds)) / 1000 },
        { contestant: 'wallet, Zipf 0', measure: over(0) },
        { contestant: 'wallet, Zipf 1', measure: over(1) },
        { contestant: 'wallet, Zipf 2', measure: over(2) },
      ],
      context.rounds,
      'k/s',
    );
    const differences = measured('differences after all that', '', [await server.differences()]);
    return {
      question: 'Transfers over HTTP',
      method: `${activeUsers} signed-in users, ${connections} requests in flight, each with an Idempotency-Key, ${forSeconds} s a round, after ${warmUpSeconds} s that do not count; pgbench on the same server, without HTTP. Afterwards the ledger is reconciled.`,
      measured: [...all, differences],
      targets: [
        atLeastTimes('transfers over HTTP', named(all, 'wallet, Zipf 0'), named(all, pgbench), 0.8),
        atLeastTimes('over HTTP: few hot accounts', named(all, 'wallet, Zipf 2'), named(all, 'wallet, Zipf 0'), 0.5),
        exactly('over HTTP: differences after the run', differences, measured('sound', '', [0]), 0),
      ],
    };
  });
}

/** One transfer at a time over HTTP. */
export function transferAlone(context: BenchContext): Promise<Answer> {
  return inSetting(context, async ({ server, load, start }) => {
    const { url } = await start();
    await warmUp(load, [url]);
    const all = await inTurn(
      [
        { contestant: 'pgbench, one client', measure: async () => 1000 / (await server.pgbench.run(1, forSeconds)) },
        {
          contestant: 'wallet, one request at a time',
          measure: async () => 1000 / (await load.transfers(url, { zipf: 0, connections: 1, forSeconds })).perSecond,
        },
      ],
      context.rounds,
      'ms',
    );
    return {
      question: 'One transfer over HTTP, nothing else running',
      method: `The mean time of requests one after another on one connection, ${forSeconds} s a round, after ${warmUpSeconds} s of load that do not count.`,
      measured: all,
      targets: [
        atMostTimes(
          'one transfer over HTTP',
          named(all, 'wallet, one request at a time'),
          named(all, 'pgbench, one client'),
          1.5,
        ),
      ],
    };
  });
}
