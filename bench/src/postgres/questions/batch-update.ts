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
          { contestant: 'hand-written, money posted', call: handWrittenWithMoney(ids), ...once },
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
          'the statement that it is held against sets three columns of `tokens` and posts nothing. The other one by hand writes the same rows as ours in one statement, ' +
          'but takes no locks in order, publishes nothing to caches, and would be wrong beside any other writer: it is what the bookkeeping itself costs.',
        measured: one === undefined ? all : [...all, one],
        targets: [
          // As throughput: at least 0.9 of the hand-written statement's is at most 1 / 0.9 of its time.
          atMostTimes(
            'batchUpdateTokenStatus of 100,000 against UPDATE … FROM unnest without money',
            named(all, 'batchUpdateTokenStatus, money posted'),
            named(all, 'hand-written UPDATE, no money'),
            Math.round(1000 / 0.9) / 1000,
          ),
          atMostTimes(
            'batchUpdateTokenStatus of 100,000 against one statement by hand that posts the same money',
            named(all, 'batchUpdateTokenStatus, money posted'),
            named(all, 'hand-written, money posted'),
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

/** What `ledger_close_tokens` leaves behind, without what makes it safe: the floor under any way to do it in SQL. */
const handWrittenWithMoney = (ids: readonly string[]): Call => ({
  name: 'hand_written_money',
  text: `
    with asked as materialized (
      select t.id, t.user_id from unnest($1::uuid[]) as wanted (id) join tokens t using (id) where t.status = 'active' and t.expires_at > now()
    ), owners as materialized (
      select user_id, uuid_v7() as transaction_id from (select distinct user_id from asked) as one
    ), closing as (
      update tokens t set status = 'redeemed', closed_at = now(), closing_transaction_id = o.transaction_id
        from asked a join owners o using (user_id) where t.id = a.id
      returning t.user_id, t.closing_transaction_id, t.amount
    ), sums as (
      select user_id, closing_transaction_id as id, sum(amount)::bigint as amount from closing group by 1, 2
    ), moves as (
      select id, party.account_id, party.amount, party.posted
        from sums, lateral (values (user_id, amount, 1), (issuer_stripe(user_id), -amount, 0)) as party (account_id, amount, posted)
    ), placed as materialized (
      select m.*, a.version + row_number() over per_account as version, (a.balance + sum(m.amount) over per_account - m.amount)::bigint as before
        from moves m join accounts a on a.id = m.account_id
      window per_account as (partition by m.account_id order by m.id rows unbounded preceding)
    ), posted as (
      insert into transactions (id, type, status, receiver_id, amount, currency, created_at, completed_at)
        select id, 'token_redemption', 'completed', user_id, amount, 'EUR', now(), now() from sums
    ), entered as (
      insert into entries (account_id, version, transaction_id, amount, balance_before, balance_after, created_at)
        select account_id, version, id, amount, before, before + amount, now() from placed
    )
    update accounts a
       set balance = a.balance + moved.amount, version = a.version + moved.steps,
           token_redemption_completed = a.token_redemption_completed + moved.posted
      from (select account_id, sum(amount)::bigint as amount, count(*) as steps, sum(posted) as posted from placed group by account_id) as moved
     where a.id = moved.account_id`,
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
