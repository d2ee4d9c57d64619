import type { HistoryPosition } from '@dunlin/wallet/queries/history-cursor';
import { named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atMostTimes, ceiling } from '../../harness/target.js';
import { withClient } from '../data/seeded-database.js';
import { withLedger } from '../ledger-under-test.js';
import { withSessions } from '../measure-calls.js';
import { historyCall, plainCount, plainHistory, twentyByKey } from '../statements.js';

const deepPage = 1_000;

/** The first and the thousandth page of a history. */
export function history(context: BenchContext): Promise<Answer> {
  return withLedger(context, ({ full, users }) =>
    withSessions(async (measure) => {
      const { busiest, typical } = users;
      const { url } = full;
      const { ids, before } = await placesIn(url, busiest);
      const page = { times: 50 };
      const all = await measure(
        [
          { contestant: 'first page, busiest', url, call: historyCall(busiest, {}), ...page },
          { contestant: 'first page, typical', url, call: historyCall(typical, {}), ...page },
          { contestant: 'page 1,000 by cursor, busiest', url, call: historyCall(busiest, {}, before), ...page },
          { contestant: 'first page by cursor form, busiest', url, call: historyCall(busiest, {}, endOfTime), ...page },
          {
            contestant: 'page 1,000 by number, busiest',
            url,
            call: historyCall(busiest, { page: deepPage }),
            times: 3,
          },
          { contestant: '20 rows by primary key', url, call: twentyByKey(ids), ...page, rows: 20 },
          { contestant: 'plain: OR, first page, busiest', url, call: plainHistory(busiest, 1), times: 10, rows: 20 },
          {
            contestant: 'plain: OR and OFFSET, page 1,000, busiest',
            url,
            call: plainHistory(busiest, deepPage),
            times: 1,
            rows: 20,
          },
          { contestant: 'plain: the count alone, busiest', url, call: plainCount(busiest), times: 1, rows: 1 },
        ],
        'serverMs',
        context.rounds,
      );
      const of = (contestant: string) => named(all, contestant);
      const byKey = of('20 rows by primary key');
      return {
        question: 'History',
        method: `Time in the server by pg_stat_statements, statements named and prepared; 20 rows a page and, by number, the total. The busiest user of ${full.scale.transactions.toLocaleString('en-US')} transactions.`,
        measured: all,
        targets: [
          ceiling('history, first page, busiest user', of('first page, busiest'), byKey, 1),
          atMostTimes('history, first page, busiest user, against 20 rows by key', of('first page, busiest'), byKey, 2),
          atMostTimes('history, first page, typical user, against 20 rows by key', of('first page, typical'), byKey, 2),
          atMostTimes(
            'history, page 1,000 by cursor against the first',
            of('page 1,000 by cursor, busiest'),
            of('first page, busiest'),
            1.5,
          ),
          atMostTimes(
            'history, page 1,000 by number against OR and OFFSET',
            of('page 1,000 by number, busiest'),
            of('plain: OR and OFFSET, page 1,000, busiest'),
            0.1,
          ),
        ],
      };
    }),
  );
}

const endOfTime: HistoryPosition = { createdAt: new Date('2100-01-01'), id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };

/** Where the thousandth page begins, and twenty rows from here and there. */
function placesIn(url: string, userId: string): Promise<{ ids: string[]; before: HistoryPosition }> {
  return withClient(url, async (client) => {
    const before = await client.query<{ id: string; created_at: Date }>(
      `select id, created_at from transactions where sender_id = $1 or receiver_id = $1 order by created_at desc, id desc limit 1 offset ${(deepPage - 1) * 20 - 1}`,
      [userId],
    );
    const ids = await client.query<{ id: string }>('select id from transactions where sender_id = $1 limit 20', [
      userId,
    ]);
    const place = before.rows[0];
    if (place === undefined) throw new Error('the busiest user has no thousandth page');
    return { ids: ids.rows.map((row) => row.id), before: { id: place.id, createdAt: place.created_at } };
  });
}
