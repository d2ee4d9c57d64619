import type { Database } from '@dunlin/postgres';
import { reconcile, type Reconciliation } from '../ledger/reconciliation.js';
import type { Account, Books } from './books.js';
import { readAccounts, type DemoUser } from './fill.js';
import type { Verdict } from './verdict.js';

/** The sums that promise 1 speaks of, of one snapshot while operations run. */
export async function checkConservation(database: Database, verdict: Verdict): Promise<void> {
  const { rows } = await database.query<{ sum: bigint; float: bigint; out: bigint }>(
    `select sum(balance)::bigint as sum, coalesce(sum(balance) filter (where kind = 'issuer'), 0)::bigint as float,
            (select coalesce(sum(amount), 0)::bigint from tokens where status = 'active') as out
       from accounts`,
  );
  const totals = rows[0];
  if (totals === undefined) throw new Error('the ledger has no totals');
  verdict.expect(totals.sum === 0n, 1, () => `all balances sum to ${totals.sum}, not to 0`);
  verdict.expect(
    totals.float === totals.out,
    1,
    () => `the issuer holds ${totals.float}, the tokens out are worth ${totals.out}`,
  );
}

/** When all is at rest: the whole ledger adds up, and each user's account is exactly what the acknowledged answers make it. */
export async function checkBooks(
  database: Database,
  users: readonly DemoUser[],
  books: Books,
  verdict: Verdict,
): Promise<Reconciliation> {
  const reconciliation = await reconcile(database);
  const { discrepancies, sum, issuerFloat, tokensOut } = reconciliation;
  verdict.expect(sum === 0n, 1, () => `all balances sum to ${sum}, not to 0`);
  verdict.expect(
    issuerFloat === tokensOut,
    1,
    () => `the issuer holds ${issuerFloat}, the tokens out are worth ${tokensOut}`,
  );
  for (const one of discrepancies) {
    const account = one.accountId ?? 'the ledger';
    verdict.fail(1, `${one.check} of ${account}: ${one.found} instead of ${one.expected}`);
  }
  const found = new Map((await readAccounts(database, users)).map((account) => [account.userId, account]));
  for (const expected of books.all()) {
    const account = found.get(expected.userId);
    verdict.expect(
      account?.version === expected.version &&
        account.available === expected.available &&
        account.offline === expected.offline &&
        account.pending === expected.pending,
      4,
      () =>
        `account ${expected.userId} is ${describe(account)}; the acknowledged answers make it ${describe(expected)}`,
    );
  }
  return reconciliation;
}

function describe(account: Account | undefined): string {
  if (account === undefined) return 'gone';
  const { version, available, offline, pending } = account;
  return `version ${version}, available ${available}, offline ${offline}, pending ${pending}`;
}
