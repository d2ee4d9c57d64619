import { inTurn, named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atMostTimes, exactly } from '../../harness/target.js';
import { measured } from '../../harness/statistics.js';
import { startWorker, type Worker } from '../../harness/worker.js';
import { withLedger } from '../ledger-under-test.js';
import type { SweepReply, SweepRequest, SweepSettings } from '../workers/sweep-worker.js';

/** How many tokens a round refunds at the most; fewer when fewer have expired. */
const most = 20_000;
/** Few, since all are one transaction here: each version of the rows that every call updates would make the next call dearer. */
const mostOneByOne = 50;

/** The wallet's own sweep: finds tokens past their expiry and gives the money back. */
export function expirySweep(context: BenchContext): Promise<Answer> {
  return withLedger(context, async ({ full, bare }) => {
    const workers: Worker[] = [];
    const counts: number[] = [];
    const sweep = async (url: string, request: SweepRequest) => {
      const settings: SweepSettings = { url };
      const worker = await startWorker(new URL('../workers/sweep-worker.js', import.meta.url), settings);
      workers.push(worker);
      return async (): Promise<number> => {
        const { tookMs, refunded, missing } = await worker.ask<SweepReply>(request, 240_000);
        if (refunded === 0) throw new Error('no token has expired');
        counts.push(missing);
        return (tookMs * 1_000) / refunded;
      };
    };
    try {
      const all = await inTurn(
        [
          { contestant: 'sweep, with 006', measure: await sweep(full.url, { way: 'batches', most }) },
          { contestant: 'sweep, without', measure: await sweep(bare.url, { way: 'batches', most }) },
          {
            contestant: 'one token at a time, with 006',
            measure: await sweep(full.url, { way: 'one by one', most: mostOneByOne }),
          },
        ],
        context.rounds,
        'µs a token',
      );
      const missing = measured('minor units that no refund gave back', '', counts);
      return {
        question: 'Expiry sweep with refunds',
        method:
          `The wallet’s job over up to ${most.toLocaleString('en-US')} tokens past their expiry, a thousand a call: refund, transaction, entries, balances and counters. ` +
          'Each round is one transaction that is rolled back, so no commit is in the time. One at a time is what a loop over the same tokens does: the same function, a call a token. 006 finds the tokens, and has to be kept up with by every refund; what it saves the finding stands under “The indexes of 006”.',
        measured: [...all, missing],
        targets: [
          atMostTimes(
            'expiry sweep against one token at a time',
            named(all, 'sweep, with 006'),
            named(all, 'one token at a time, with 006'),
            1,
          ),
          exactly('expiry sweep: money that was not given back', missing, measured('sound', '', [0]), 0),
        ],
      };
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }
  });
}
