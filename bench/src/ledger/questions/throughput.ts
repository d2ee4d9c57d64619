import { inTurn, named } from '../../harness/in-turn.js';
import { measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atLeastTimes, exactly } from '../../harness/target.js';
import { startWorker, type Worker } from '../../harness/worker.js';
import { openBenchServer } from '../bench-server.js';
import { yardstickAccounts } from '../yardstick.js';
import type { TransferRequest } from '../workers/transfer-worker.js';

const forSeconds = 2;
const inFlight = 256;

/** Transfers a second through the ledger, with no HTTP. */
export async function throughput(context: BenchContext): Promise<Answer> {
  const server = await openBenchServer(yardstickAccounts);
  const workers: Worker[] = [];
  try {
    const start = async (kind: 'ledger' | 'plain'): Promise<Worker> => {
      const settings = { databaseUrl: server.url, kind };
      const worker = await startWorker(new URL('../workers/transfer-worker.js', import.meta.url), settings);
      workers.push(worker);
      return worker;
    };
    const [ledger, plain] = [await start('ledger'), await start('plain')];
    const clients = await server.pgbench.bestClients(forSeconds);
    const run = (worker: Worker, request: Omit<TransferRequest, 'forSeconds'>) => async (): Promise<number> =>
      (await worker.ask<number>({ ...request, forSeconds })) / 1000;
    const pgbench = `pgbench, one call, ${clients} clients`;
    const all = await inTurn(
      [
        { contestant: pgbench, measure: async () => (await server.pgbench.run(clients, forSeconds)) / 1000 },
        { contestant: 'ledger, Zipf 0', measure: run(ledger, { zipf: 0, inFlight }) },
        { contestant: 'ledger, Zipf 1', measure: run(ledger, { zipf: 1, inFlight }) },
        { contestant: 'ledger, Zipf 2', measure: run(ledger, { zipf: 2, inFlight }) },
        { contestant: 'BEGIN … COMMIT by hand', measure: run(plain, { zipf: 0, inFlight }) },
      ],
      context.rounds,
      'k/s',
    );
    const differences = measured('differences after all that', '', [await server.differences()]);
    const ours = named(all, 'ledger, Zipf 0');
    return {
      question: 'Transfers through the ledger',
      method:
        `${yardstickAccounts} accounts, durable (fsync, synchronous_commit), ${inFlight} transfers in flight, each with an Idempotency-Key, ` +
        `${forSeconds} s a round. pgbench and the hand-written transaction run on the yardstick’s two tables on the same server. Afterwards the whole ledger is reconciled.`,
      measured: [...all, differences],
      targets: [
        atLeastTimes('transfers through the ledger, no HTTP', ours, named(all, pgbench), 2.5),
        atLeastTimes('ledger: few hot accounts', named(all, 'ledger, Zipf 2'), ours, 0.5),
        exactly('ledger: differences after the run', differences, measured('sound', '', [0]), 0),
      ],
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await server.close();
  }
}
