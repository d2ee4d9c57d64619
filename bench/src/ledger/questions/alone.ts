import { inTurn, named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atMostTimes } from '../../harness/target.js';
import { startWorker } from '../../harness/worker.js';
import { openBenchServer } from '../bench-server.js';
import { yardstickAccounts } from '../yardstick.js';

const forSeconds = 2;

/** One transfer at a time: nothing is there to share its commit with. */
export async function alone(context: BenchContext): Promise<Answer> {
  const server = await openBenchServer(yardstickAccounts);
  const settings = { databaseUrl: server.url, kind: 'ledger' };
  const worker = await startWorker(new URL('../workers/transfer-worker.js', import.meta.url), settings);
  try {
    const all = await inTurn(
      [
        { contestant: 'pgbench, one client', measure: async () => 1000 / (await server.pgbench.run(1, forSeconds)) },
        {
          contestant: 'ledger, one at a time',
          measure: async () => 1000 / (await worker.ask<number>({ zipf: 0, inFlight: 1, forSeconds })),
        },
      ],
      context.rounds,
      'ms',
    );
    return {
      question: 'One transfer through the ledger, nothing else running',
      method: `The mean time of transfers one after another, ${forSeconds} s a round.`,
      measured: all,
      targets: [
        atMostTimes(
          'one transfer through the ledger',
          named(all, 'ledger, one at a time'),
          named(all, 'pgbench, one client'),
          1.5,
        ),
      ],
    };
  } finally {
    await worker.stop();
    await server.close();
  }
}
