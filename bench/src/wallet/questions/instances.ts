import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { inTurn, named } from '../../harness/in-turn.js';
import { measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atLeastTimes, ceiling } from '../../harness/target.js';
import { onClient } from '../../ledger/bench-server.js';
import { inSetting } from '../setting.js';
import { warmUp, warmUpSeconds, type UserLoad } from '../transfer-load.js';

const forSeconds = 2;
const connections = 64;
/** How long an instance may answer from memory without renewing; a writer waits no longer for one that has gone silent. */
const leaseMs = 500;
const writesPastAFrozenOne = 5;
/** How long the second instance has to hold its lease again after it was woken. */
const backWithinMs = 10_000;

/** Two wallets on one database, and one of them frozen. */
export function twoInstances(context: BenchContext): Promise<Answer> {
  return inSetting(context, async ({ server, load, start }) => {
    const first = await start();
    const one = async (): Promise<number> =>
      (await load.transfers(first.url, { zipf: 0, connections, forSeconds })).perSecond / 1000;
    await warmUp(load, [first.url]);
    const alone = await inTurn([{ contestant: 'one instance', measure: one }], context.rounds, 'k/s');
    const second = await start();
    await warmUp(load, [first.url, second.url]);
    const both = async (): Promise<number> => {
      const half = { zipf: 0, connections: connections / 2, forSeconds } as const;
      const figures = await Promise.all([first, second].map(({ url }) => load.transfers(url, half)));
      return figures.reduce((sum, { perSecond }) => sum + perSecond, 0) / 1000;
    };
    const together = await inTurn([{ contestant: 'two instances', measure: both }], context.rounds, 'k/s');
    const longestOfRounds: number[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      await untilBothHold(server.url);
      await write(first.url, load);
      process.kill(second.pid, 'SIGSTOP');
      longestOfRounds.push(Math.max(...(await writePastFrozen(first.url, load))));
      process.kill(second.pid, 'SIGCONT');
    }
    const waits = measured('the longest of the writes past a frozen instance', 'ms', longestOfRounds);
    // A promise of "no longer" is held against the longest of all.
    const longest = { ...waits, median: waits.high };
    const lease = measured('the lease', 'ms', [leaseMs]);
    return {
      question: 'Two instances',
      method:
        `Each instance is at work for ${warmUpSeconds} s before it counts. One instance with ${connections} requests in flight, then two with half of them each; both on the core of the first, so that what is seen is the cost of coherence. ` +
        `Then the second is stopped (SIGSTOP) and ${writesPastAFrozenOne} transfers are made one after another through the first, over an open connection; in each round anew. ` +
        'The figure is the longest write of all rounds.',
      measured: [...alone, ...together, longest],
      targets: [
        atLeastTimes(
          'transfers over HTTP, two instances',
          named(together, 'two instances'),
          named(alone, 'one instance'),
          0.6,
        ),
        ceiling('a write past a frozen instance', longest, lease, leaseMs),
      ],
    };
  });
}

async function writePastFrozen(url: string, load: UserLoad): Promise<number[]> {
  const waits: number[] = [];
  for (let at = 0; at < writesPastAFrozenOne; at += 1) waits.push(await write(url, load));
  return waits;
}

/** One transfer; how long it took, in ms. */
async function write(url: string, { pair }: UserLoad): Promise<number> {
  const beganMs = performance.now();
  const answer = await fetch(`${url}/wallet/transfers`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${pair.token}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    body: JSON.stringify({ receiverId: pair.receiverId, amount: '1' }),
  });
  const body = await answer.text();
  if (answer.status !== 201) throw new Error(`a transfer past a frozen instance: ${answer.status} ${body}`);
  return performance.now() - beganMs;
}

/** Two instances are waited for: one that was expelled in the round before has come back. */
async function untilBothHold(databaseUrl: string): Promise<void> {
  await onClient(databaseUrl, async (client) => {
    const untilMs = performance.now() + backWithinMs;
    for (;;) {
      const { rowCount } = await client.query('select 1 from cache_instances');
      if (rowCount === 2) return;
      if (performance.now() > untilMs) throw new Error(`${rowCount} of two instances hold a lease`);
      await setTimeout(20);
    }
  });
}
