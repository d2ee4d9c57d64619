import pg from 'pg';
import { expect } from 'vitest';

/** Everything in the database that a refused request must leave as it was. */
export interface LedgerState {
  accounts: { id: string; balance: string; held: string; version: string }[];
  counts: Record<string, string>;
  tokens: Record<string, string>;
  thresholds: unknown;
}

/** A connection of the test's own beside the wallet's. */
export async function openProbe(url: string): Promise<pg.Client> {
  const probe = new pg.Client({ connectionString: url });
  await probe.connect();
  return probe;
}

const countsStatement = `
  select (select count(*) from users)::text as users,
         (select count(*) from public_keys)::text as "publicKeys",
         (select count(*) from transactions)::text as transactions,
         (select count(*) from entries)::text as entries,
         (select count(*) from tokens)::text as tokens,
         (select count(*) from external_references)::text as "references"`;

export async function readLedgerState(probe: pg.Client): Promise<LedgerState> {
  const accounts = await probe.query<LedgerState['accounts'][number]>(
    'select id, balance::text, held::text, version::text from accounts order by id',
  );
  const counts = await probe.query<Record<string, string>>(countsStatement);
  const tokens = await probe.query<{ id: string; status: string }>('select id, status from tokens order by id');
  return {
    accounts: accounts.rows,
    counts: counts.rows[0] ?? {},
    tokens: Object.fromEntries(tokens.rows.map(({ id, status }) => [id, status])),
    thresholds: null,
  };
}

/** Promise 1: all balances sum to nothing, and what the issuer holds is what is out. */
export async function expectSoundLedger(probe: pg.Client): Promise<void> {
  const { rows } = await probe.query<{ sum: string; float: string; out: string; negative: string }>(`
    select coalesce(sum(balance), 0)::text as sum,
           coalesce(sum(balance) filter (where kind = 'issuer'), 0)::text as float,
           (select coalesce(sum(amount), 0) from tokens where status = 'active')::text as out,
           count(*) filter (where kind = 'user' and balance < 0)::text as negative
      from accounts`);
  const [totals] = rows;
  expect(totals).toEqual({ sum: '0', float: totals?.out, out: totals?.out, negative: '0' });
}
