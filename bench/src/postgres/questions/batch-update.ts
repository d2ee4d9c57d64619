import { named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atMostTimes } from '../../harness/target.js';
import { withClient } from '../data/seeded-database.js';
import { withLedger } from '../ledger-under-test.js';
import { withSessions } from '../measure-calls.js';
import type { Call } from '../statements.js';

const wanted = 100_000;

/** Closing a hundred thousand tokens at once, money included. */
export function batchUpdate(context: BenchContext): Promise<Answer> {
  return withLedger(context, ({ full }) =>
    withSessions(async (measure) => {
      const ids = await activeTokens(full.url);
      const once = { url: full.url, times: 1, undone: true };
      const all = await measure(
        [
          { contestant: 'batchUpdateTokenStatus, money posted', call: closeTokens(ids), ...once },
          { contestant: 'hand-written UPDATE, no money', call: handWritten(ids), ...once },
        ],
        'roundTripMs',
        context.rounds,
      );
      const [one] = await measure(
        [
          {
            contestant: 'one statement an id, no money (one of them)',
            call: oneToken(ids[0] ?? ''),
            url: full.url,
            times: 200,
            undone: true,
          },
        ],
        'roundTripMs',
        context.rounds,
      );
      return {
        question: `batchUpdateTokenStatus of ${ids.length.toLocaleString('en-US')}`,
        method:
          'One call, rolled back after each round. Ours also locks the owners, sums what each gets back, and writes transactions, entries, balances and counters; ' +
          'the statement that it is held against sets three columns of `tokens` and posts nothing.',
        measured: one === undefined ? all : [...all, one],
        targets: [
          // As throughput: at least 0.9 of the hand-written statement's is at most 1 / 0.9 of its time.
          atMostTimes(
            'batchUpdateTokenStatus of 100,000 against UPDATE … FROM unnest without money',
            named(all, 'batchUpdateTokenStatus, money posted'),
            named(all, 'hand-written UPDATE, no money'),
            Math.round(1000 / 0.9) / 1000,
          ),
        ],
      };
    }),
  );
}

const closeTokens = (ids: readonly string[]): Call => ({
  name: 'close_tokens',
  text: 'select closed from ledger_close_tokens($1, $2, $3, $4, make_interval(secs => $5))',
  values: ['bench', 'EUR', ids, 'redeemed', 0],
});

const handWritten = (ids: readonly string[]): Call => ({
  name: 'hand_written_update',
  text: `update tokens t set status = 'redeemed', closed_at = now(), closing_transaction_id = t.opening_transaction_id
           from unnest($1::uuid[]) as wanted (id) where t.id = wanted.id and t.status = 'active' and t.expires_at > now()`,
  values: [ids],
});

const oneToken = (id: string): Call => ({
  name: 'one_token',
  text: `update tokens set status = 'redeemed', closed_at = now(), closing_transaction_id = opening_transaction_id
          where id = $1 and status = 'active' and expires_at > now()`,
  values: [id],
});

function activeTokens(url: string): Promise<string[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `select id from tokens where status = 'active' and expires_at > now() order by md5(id::text) limit ${wanted}`,
    );
    return rows.map((row) => row.id);
  });
}
