import { makeScratchFolder, removeScratchFolder } from '@dunlin/testkit';
import { openEmbeddedServer } from '@dunlin/embedded';
import { inTurn, named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { ceiling } from '../../harness/target.js';
import { startWallet } from '../wallet-process.js';

const readyWithinMs = 3_000;

/** The second start: the folder is there, the server is not up. */
export async function secondStart(context: BenchContext): Promise<Answer> {
  const scratch = makeScratchFolder();
  try {
    await (await startWallet(scratch, undefined)).stop();
    const all = await inTurn(
      [
        {
          contestant: 'PostgreSQL alone',
          measure: async () => {
            const beganMs = performance.now();
            const server = await openEmbeddedServer({ dataFolder: scratch });
            const tookMs = performance.now() - beganMs;
            await server.close();
            return tookMs;
          },
        },
        {
          contestant: 'wallet, second start',
          measure: async () => {
            const wallet = await startWallet(scratch, undefined);
            await wallet.stop();
            return wallet.startedInMs;
          },
        },
      ],
      context.rounds,
      'ms',
    );
    return {
      question: 'The second start',
      method:
        'From the start of the process to its announcement, PostgreSQL included; what `npm start` does besides (is the build current?) takes some 50 ms more.',
      measured: all,
      targets: [
        ceiling(
          'start, second time',
          named(all, 'wallet, second start'),
          named(all, 'PostgreSQL alone'),
          readyWithinMs,
        ),
      ],
    };
  } finally {
    removeScratchFolder(scratch);
  }
}
