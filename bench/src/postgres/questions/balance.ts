import { balanceStatement } from '@dunlin/wallet/queries/balance';
import { named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atMostTimes } from '../../harness/target.js';
import { judgePairs } from '../../monitoring/neighbours.js';
import { withClient } from '../data/seeded-database.js';
import { withLedger } from '../ledger-under-test.js';
import { withSessions } from '../measure-calls.js';
import { accountByKey, callOf, sumOfUser, sumOverAll } from '../statements.js';

const pairsARound = 8;

/** A balance in one round trip, beside the read of one row by its key, and beside adding up the history. */
export function balance(context: BenchContext): Promise<Answer> {
  return withLedger(context, ({ full, empty, users }) =>
    withSessions(async (measure) => {
      const newcomer = await firstUser(empty.url);
      const ask = (userId: string) => callOf(balanceStatement, [userId]);
      const read = { times: 300, rows: 1 };
      const all = await measure(
        [
          { contestant: 'balance, typical user', url: full.url, call: ask(users.typical), ...read },
          { contestant: 'balance, busiest user', url: full.url, call: ask(users.busiest), ...read },
          { contestant: 'balance, no transactions at all', url: empty.url, call: ask(newcomer), ...read },
          { contestant: 'primary-key read', url: full.url, call: accountByKey(users.typical), ...read },
          {
            contestant: 'primary-key read, no transactions at all',
            url: empty.url,
            call: accountByKey(newcomer),
            ...read,
          },
          { contestant: "sum of one user's, typical", url: full.url, call: sumOfUser(users.typical), times: 20 },
          { contestant: "sum of one user's, busiest", url: full.url, call: sumOfUser(users.busiest), times: 1 },
          { contestant: 'sum over all transactions', url: full.url, call: sumOverAll(), times: 1 },
        ],
        'roundTripMs',
        context.rounds,
      );
      // What is looked for is less than what one round differs from the next by, so it is measured by many pairs of neighbouring turns.
      const pairs = await measure(
        [
          { contestant: 'balance, typical user, in pairs', url: full.url, call: ask(users.typical), ...read },
          { contestant: 'balance, no transactions at all, in pairs', url: empty.url, call: ask(newcomer), ...read },
        ],
        'roundTripMs',
        context.rounds * pairsARound,
      );
      const [atFull, atNone] = [
        named(pairs, 'balance, typical user, in pairs'),
        named(pairs, 'balance, no transactions at all, in pairs'),
      ];
      const ratios = atFull.rounds.map((ms, round) => ms / (atNone.rounds[round] ?? NaN));
      const of = (contestant: string) => named(all, contestant);
      return {
        question: 'Balance',
        method: `The wallet's statement, named and prepared, one after the other, round trip included, at ${full.scale.transactions.toLocaleString('en-US')} transactions and at none. The median of 300 a round. The one is held against the other by the median ratio of ${ratios.length} pairs of neighbouring turns; the typical user has active tokens to be summed, the other none.`,
        measured: [...all, atFull, atNone],
        targets: [
          atMostTimes('balance, typical user', of('balance, typical user'), of('primary-key read'), 1.5),
          atMostTimes('balance, busiest user', of('balance, busiest user'), of('primary-key read'), 1.5),
          // 1.1: what is measured twice differs by as much on a machine that is shared.
          judgePairs('balance at all transactions against at none', atFull, atNone, ratios, { atMost: 1.1 }),
        ],
      };
    }),
  );
}

function firstUser(url: string): Promise<string> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      "select id from accounts where kind = 'user' order by id limit 1 offset 500",
    );
    return rows[0]?.id ?? '';
  });
}
