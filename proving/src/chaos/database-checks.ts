import type { Database } from '@dunlin/postgres';
import type { Verdict } from '@dunlin/wallet/demo/verdict';
import { reconcile } from '@dunlin/wallet/ledger/reconciliation';

interface Odd {
  promise: number;
  what: string;
}

/**
 * What must not be in the tables, whatever was done: half of an operation, less than nothing, or a token with two ends. Each row names the
 * promise that it breaks.
 */
const oddities = `
  select 1 as promise, 'transaction ' || t.id || ' has ' || count(e.*) || ' entries' as what
    from transactions t left join entries e on e.transaction_id = t.id
   where t.type <> 'offline' group by t.id, t.status having count(e.*) <> case t.status when 'completed' then 2 else 0 end
  union all
  select 2, 'account ' || id || ' has ' || balance || ' with ' || held || ' held' from accounts
   where kind = 'user' and (balance < 0 or held < 0 or balance - held < 0)
  union all
  select 1, 'hold ' || h.transaction_id || ' is ' || h.state || ', its transaction ' || t.status
    from holds h join transactions t on t.id = h.transaction_id
   where (h.state = 'open') <> (t.status = 'pending') or (h.state = 'captured') <> (t.status = 'completed')
  union all
  select 4, 'key of ' || k.created_at || ' names a transaction that is not there'
    from idempotency_keys k left join transactions t on t.id = k.transaction_id
   where k.transaction_id is not null and t.id is null
  union all
  select 3, 'token ' || p.id || ' is ' || p.status || ', and was divided into ' || sum(c.amount) || ' of ' || p.amount
    from tokens p join tokens c on c.parent_id = p.id
   group by p.id, p.status, p.amount having p.status = 'active' or sum(c.amount) <> p.amount
  union all
  select 3, 'token ' || id || ' is redeemed by no transaction' from tokens where status = 'redeemed' and closing_transaction_id is null`;

/** The whole ledger, recomputed. */
export async function checkLedger(database: Database, verdict: Verdict): Promise<void> {
  const { sum, issuerFloat, tokensOut, discrepancies } = await reconcile(database);
  verdict.expect(sum === 0n, 1, () => `all balances sum to ${sum}, not to 0`);
  verdict.expect(
    issuerFloat === tokensOut,
    1,
    () => `the issuer holds ${issuerFloat}, the tokens out are worth ${tokensOut}`,
  );
  verdict.expect(discrepancies.length === 0, 1, () =>
    discrepancies
      .map(
        ({ check, accountId, expected, found }) =>
          `${check} of ${accountId ?? 'the ledger'}: ${found}, not ${expected}`,
      )
      .join('; '),
  );
  const { rows } = await database.query<Odd>(oddities);
  for (const promise of [1, 2, 3, 4]) {
    const odd = rows.filter((row) => row.promise === promise);
    verdict.expect(odd.length === 0, promise, () =>
      odd
        .map(({ what }) => what)
        .join('; ')
        .slice(0, 500),
    );
  }
}
