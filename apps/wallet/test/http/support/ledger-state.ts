import pg from 'pg';
import { expect } from 'vitest';

/** Everything in the database that a refused request must leave as it was. */
export interface LedgerState {
  accounts: { id: string; balance: string; held: string; version: string }[];
  counts: Record<string, number>;
  /** What each user may do. */
  standing: Record<string, string>;
  tokens: Record<string, string>;
  thresholds: unknown;
}

/** A connection of the test's own beside the wallet's. */
export async function openProbe(url: string): Promise<pg.Client> {
  const probe = new pg.Client({ connectionString: url });
  await probe.connect();
  return probe;
}

const stateStatement = {
  name: 'ledger-state',
  text: `
    select json_build_object(
      'accounts', (select json_agg(json_build_object(
                     'id', id, 'balance', balance::text, 'held', held::text, 'version', version::text) order by id)
                     from accounts),
      'counts', json_build_object(
        'users', (select count(*) from users),
        'publicKeys', (select count(*) from public_keys),
        'transactions', (select count(*) from transactions),
        'entries', (select count(*) from entries),
        'tokens', (select count(*) from tokens),
        'references', (select count(*) from external_references),
        'openHolds', (select count(*) from holds where state = 'open'),
        'reversals', (select count(*) from reversals),
        'rules', (select count(*) from monitoring_rules),
        'mutes', (select count(*) from monitoring_mutes)),
      'standing', (select json_object_agg(id, is_active::text || coalesce(frozen_at::text, '')) from users),
      'tokens', (select coalesce(json_object_agg(id, status), '{}') from tokens),
      'thresholds', (select coalesce(json_agg(t order by t::text), '[]') from monitoring_thresholds t)) as state`,
};

/** One statement, so that it can be asked after each of thousands of requests. */
export async function readLedgerState(probe: pg.Client): Promise<LedgerState> {
  const { rows } = await probe.query<{ state: LedgerState }>(stateStatement);
  const [row] = rows;
  if (row === undefined) throw new Error('The database told nothing of its state');
  return row.state;
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
