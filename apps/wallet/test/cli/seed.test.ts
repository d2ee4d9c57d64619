import { createTestDatabase, type TestDatabase } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Passwords } from '../../src/accounts/passwords.js';
import { clientDatabase } from '../../src/cli/seed/client-database.js';
import { seed, type SeedReport } from '../../src/cli/seed/seed.js';
import { loadKeyring } from '../../src/keys/keyring.js';
import { parseMasterKey } from '../../src/keys/master-key.js';
import { reconcile } from '../../src/ledger/reconciliation.js';
import { migrate } from '../../src/migrate.js';
import { verifyToken } from '../../src/tokens/token-signature.js';

const masterKey = 'ab'.repeat(32);
const few = { users: 200, transactions: 4_000, tokens: 600 };

/** A migrated database of one's own, and a session on it. */
async function open(): Promise<{ database: TestDatabase; client: pg.Client; close: () => Promise<void> }> {
  const database = await createTestDatabase();
  await migrate(database.url);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return { database, client, close: () => client.end().then(() => database.close()) };
}

async function value<Value>(client: pg.Client, text: string): Promise<Value> {
  const { rows } = await client.query<{ value: Value }>(text);
  return (rows[0] as { value: Value }).value;
}

const schemaOf = `
  select jsonb_agg(row order by row) as value from (
    select jsonb_build_array(indexdef, obj_description(to_regclass(indexname), 'pg_class')) as row from pg_indexes where schemaname = 'public'
    union all select jsonb_build_array(conrelid::regclass::text, conname, pg_get_constraintdef(oid)) from pg_constraint where connamespace = 'public'::regnamespace
    union all select jsonb_build_array(tgrelid::regclass::text, tgname, tgenabled) from pg_trigger where not tgisinternal
  ) s`;

describe('a seeded database', () => {
  let setup: Awaited<ReturnType<typeof open>>;
  let report: SeedReport;
  let schemaBefore: unknown;

  beforeAll(async () => {
    setup = await open();
    schemaBefore = await value(setup.client, schemaOf);
    report = await seed({ databaseUrl: setup.database.url, masterKey, ...few });
  });
  afterAll(() => setup.close());

  it('holds exactly as many users, transactions and tokens as were asked for', async () => {
    const counts = await value(
      setup.client,
      `select jsonb_build_object('users', (select count(*) from users), 'transactions', (select count(*) from transactions),
                                 'tokens', (select count(*) from tokens)) as value`,
    );
    expect(counts).toEqual(few);
  });

  it('reconciles, and its sum is 0', async () => {
    const outcome = await reconcile(clientDatabase(setup.client));
    expect(outcome).toMatchObject({ accounts: few.users + 32, sum: 0n, discrepancies: [] });
    expect(outcome.issuerFloat).toBeGreaterThan(0n);
  });

  it('has an unbroken chain of entries for every account, which ends in its balance and its version', async () => {
    const broken = await value<number>(
      setup.client,
      `with chain as (
         select account_id, version, balance_before, balance_after,
                lag(version, 1, 0::bigint) over chain as version_before, lag(balance_after, 1, 0::bigint) over chain as expected,
                row_number() over (partition by account_id order by version desc) as from_end
           from entries window chain as (partition by account_id order by version)
       )
       select (select count(*)::int from chain where expected <> balance_before or version <> version_before + 1)
            + (select count(*)::int from accounts a left join chain c on c.account_id = a.id and c.from_end = 1
                where a.balance <> coalesce(c.balance_after, 0) or a.version <> coalesce(c.version, 0)) as value`,
    );
    expect(broken).toBe(0);
  });

  it('counts the transactions of every user by type and status, as the history’s totals need them', async () => {
    const wrong = await value<number>(
      setup.client,
      `select count(*)::int as value from accounts a, lateral (
         select count(*) filter (where type = 'online' and status = 'completed') as online_completed,
                count(*) filter (where type = 'online' and status = 'cancelled') as online_cancelled,
                count(*) filter (where type = 'token_purchase') as token_purchase,
                count(*) filter (where type = 'token_redemption') as token_redemption,
                count(*) filter (where type = 'token_refund') as token_refund,
                count(*) filter (where type = 'deposit') as deposit,
                count(*) filter (where type = 'withdrawal') as withdrawal
           from transactions where sender_id = a.id or receiver_id = a.id) t
        where a.kind = 'user'
          and (t.online_completed, t.online_cancelled, t.token_purchase, t.token_redemption, t.token_refund, t.deposit, t.withdrawal)
              is distinct from (a.online_completed, a.online_cancelled, a.token_purchase_completed, a.token_redemption_completed,
                                a.token_refund_completed, a.deposit_completed, a.withdrawal_completed)`,
    );
    expect(wrong).toBe(0);
  });

  it('closes tokens by a transaction of their owner over their sum, after they were bought and within their time', async () => {
    const wrong = await value<number>(
      setup.client,
      `with groups as (
         select opening_transaction_id as opening, closing_transaction_id as closing, user_id, sum(amount) as amount,
                min(issued_at) as issued, max(closed_at) as closed, min(expires_at) as expires, min(status) as status
           from tokens group by 1, 2, 3
       )
       select count(*)::int as value from groups g
         left join transactions o on o.id = g.opening and o.type = 'token_purchase' and o.sender_id = g.user_id and o.created_at = g.issued
         left join transactions c on c.id = g.closing and c.receiver_id = g.user_id and c.created_at = g.closed
                                 and c.type = case g.status when 'redeemed' then 'token_redemption' else 'token_refund' end
        where o.amount is distinct from g.amount
           or (g.closing is not null and c.amount is distinct from g.amount)
           or (g.status = 'redeemed' and g.closed > g.expires)
           or (g.status = 'expired' and g.closed < g.expires)`,
    );
    expect(wrong).toBe(0);
    const kinds = await value<string[]>(
      setup.client,
      `select array_agg(distinct case when status = 'active' and expires_at <= now() then 'lapsed' else status end) as value from tokens`,
    );
    expect([...kinds].sort()).toEqual(['active', 'expired', 'lapsed', 'redeemed']);
  });

  it('holds tokens that the issuer’s key verifies, with what their row says', async () => {
    const { issuerKeys } = await loadKeyring(clientDatabase(setup.client), parseMasterKey(masterKey));
    const { rows } = await setup.client.query<{ id: string; amount: string; expires_at: Date; compact: string }>(
      'select id, amount, expires_at, compact from tokens order by id limit 20',
    );
    expect(rows).toHaveLength(20);
    for (const row of rows) {
      const verification = verifyToken(row.compact, issuerKeys, 0);
      expect(verification).toMatchObject({
        kind: 'ok',
        fields: { id: row.id, amountMinor: BigInt(row.amount), expiresAtMs: row.expires_at.getTime() },
      });
    }
  });

  it('has users who can log in, and some who are far busier than others', async () => {
    const hash = await value<string>(
      setup.client,
      `select password_hash as value from users where email = '${report.busiest.email}'`,
    );
    expect(await new Passwords().check(hash, report.password)).toMatchObject({ kind: 'fits' });
    expect(report.busiest.transactions).toBeGreaterThan(20 * report.typical.transactions);
  });

  it('leaves every index, comment, key and trigger as it was', async () => {
    expect(await value(setup.client, schemaOf)).toEqual(schemaBefore);
  });

  it('needs no heap for what an index alone can answer', async () => {
    for (const table of ['transactions', 'entries', 'tokens', 'accounts', 'users']) {
      const { rows } = await setup.client.query(
        `select relallvisible as visible, (select count(distinct (ctid::text::point)[0])::int from ${table}) as filled
           from pg_class where oid = '${table}'::regclass`,
      );
      expect({ table, pages: rows[0].visible }).toEqual({ table, pages: rows[0].filled });
    }
  });

  it('is refused a second time, and takes one when told so', async () => {
    const again = { databaseUrl: setup.database.url, masterKey, users: 20, transactions: 100, tokens: 10 };
    await expect(seed(again)).rejects.toMatchObject({ name: 'SeedError', code: 'not_empty' });
    expect(await value(setup.client, 'select count(*)::int as value from users')).toBe(few.users);
    await seed({ ...again, intoExisting: true });
    expect(await reconcile(clientDatabase(setup.client))).toMatchObject({
      accounts: few.users + 20 + 32,
      sum: 0n,
      discrepancies: [],
    });
    expect(await value(setup.client, schemaOf)).toEqual(schemaBefore);
  });
});

describe('seeding', () => {
  it('draws the same ledger for the same number, whatever the ids are', async () => {
    const draw = async (randomSeed: number): Promise<unknown> => {
      const { database, client, close } = await open();
      await seed({ databaseUrl: database.url, masterKey, ...few, randomSeed });
      const amounts = await value(
        client,
        'select array_agg(amount order by created_at, id) as value from transactions',
      );
      await close();
      return amounts;
    };
    const first = await draw(1);
    expect(await draw(1)).toEqual(first);
    expect(await draw(2)).not.toEqual(first);
  });

  it('is refused while another session uses the tables, and leaves nothing', async () => {
    const { database, client, close } = await open();
    await client.query('begin; lock table accounts in row exclusive mode');
    await expect(seed({ databaseUrl: database.url, masterKey, ...few })).rejects.toMatchObject({ code: 'in_use' });
    await client.query('commit');
    expect(await value(client, 'select count(*)::int as value from users')).toBe(0);
    await close();
  });

  it.each([
    ['users', { users: 0 }],
    ['transactions', { transactions: -1 }],
    ['tokens', { tokens: 1.5 }],
    ['tokens', { users: 10, transactions: 10, tokens: 1 }],
    ['days', { days: 301 }],
  ])('refuses %s that cannot be, by name', async (name, given) => {
    const attempt = seed({ databaseUrl: 'postgresql://nobody@127.0.0.1:1/none', masterKey, ...few, ...given });
    await expect(attempt).rejects.toThrow(new RegExp(`^${name}: `));
  });

  it('is undone by an abort on its way', async () => {
    const { database, client, close } = await open();
    const abort = new AbortController();
    const reason = new Error('enough');
    const attempt = seed({
      databaseUrl: database.url,
      masterKey,
      ...few,
      signal: abort.signal,
      onProgress: ({ phase }) => phase === 'indexes' && abort.abort(reason),
    });
    await expect(attempt).rejects.toBe(reason);
    await expect
      .poll(
        () =>
          value(
            client,
            `select count(*)::int as value from pg_stat_activity where application_name = 'dunlin-seed' and datname = current_database()`,
          ),
        { timeout: 20_000 },
      )
      .toBe(0);
    expect(await value(client, 'select count(*)::int as value from users')).toBe(0);
    await seed({ databaseUrl: database.url, masterKey, ...few });
    await close();
  });
});
