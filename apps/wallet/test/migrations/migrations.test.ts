import { createTestDatabase, type TestDatabase } from '@dunlin/testkit';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrate } from '../../src/migrate.js';

let database: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterEach(async () => {
  await client.end();
  await database.close();
});

const alice = '0199b0a0-0000-7000-8000-00000000000a';
const bob = '0199b0a0-0000-7000-8000-00000000000b';

/** Two people, a deposit, a payment and a token: a row in every table that 006 and its neighbours touch. */
async function fill(): Promise<void> {
  await client.query("select open_system_accounts('EUR')");
  for (const id of [alice, bob]) {
    await client.query(`insert into users (id, email, password_hash) values ($1, $2, 'none')`, [
      id,
      `${id}@example.test`,
    ]);
    await client.query(`insert into accounts (id, kind, currency) values ($1, 'user', 'EUR')`, [id]);
  }
  await execute('deposit', 'world_stripe($1)', '$1', `{"reference": "wire"}`);
  await execute('online', '$1', '$2', null);
  const token = {
    id: '0199b0a0-0000-7000-8000-0000000000cc',
    amount: '10',
    keyId: 'k',
    issuedAt: '2026-01-01',
    expiresAt: '2036-01-01',
    compact: 'x',
  };
  await execute('token_purchase', '$1', 'issuer_stripe($1)', JSON.stringify({ tokens: [token] }));
}

async function execute(type: string, debit: string, credit: string, detail: string | null): Promise<void> {
  const amount = type === 'deposit' ? 1_000 : 10;
  const { rows } = await client.query<{ outcomes: string[] }>(
    `with sides as (select ${debit}::uuid as debit, ${credit}::uuid as credit, $1::uuid as a, $2::uuid as b),
          ordered as (select array(select unnest(array[debit, credit]) order by 1) as ids, debit, credit from sides)
     select (ledger_execute(null, 'EUR', ids, array['${type}'], array[gen_random_uuid()], array[array_position(ids, debit)],
             array[array_position(ids, credit)], array[${amount}]::bigint[], array[null]::uuid[], array[null]::text[], array[null]::bytea[],
             array[null]::text[], array[null]::jsonb[], array[$3]::jsonb[])).outcomes from ordered`,
    [alice, bob, detail],
  );
  expect(rows[0]?.outcomes).toEqual(['completed']);
}

const tables = async (): Promise<string[]> =>
  (
    await client.query<{ name: string }>(
      `select relname as name from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = 'public' and relkind = 'r' order by 1`,
    )
  ).rows.map(({ name }) => name);
const functions = async (): Promise<string[]> =>
  (
    await client.query<{ name: string }>(
      `select proname as name from pg_proc p join pg_namespace n on n.oid = pronamespace left join pg_depend d on d.objid = p.oid and d.deptype = 'e' where nspname = 'public' and d.objid is null order by 1`,
    )
  ).rows.map(({ name }) => name);

const indexes006 = [
  'idx_tokens_active_user',
  'idx_tokens_pending_expiration',
  'idx_tokens_user_status_amount',
  'idx_transactions_active_sender',
  'idx_transactions_receiver_created_status',
  'idx_transactions_sender_created_status',
  'idx_transactions_sender_status_amount',
  'idx_users_active_created',
];

const validIndexes = async (): Promise<string[]> =>
  (
    await client.query<{ name: string }>(
      `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid where i.indisvalid and c.relname = any ($1) order by 1`,
      [indexes006],
    )
  ).rows.map(({ name }) => name);

describe('migrations', () => {
  test('go all the way up, down to nothing and up again, on an empty database', async () => {
    await migrate(database.url);
    const all = await tables();
    await migrate(database.url, { direction: 'down', to: 0 });
    expect(await tables()).toEqual(['pgmigrations']);
    expect(await functions()).toEqual([]);
    await migrate(database.url);
    expect(await tables()).toEqual(all);
  });

  test('and on a filled one', async () => {
    await migrate(database.url);
    await fill();
    await migrate(database.url, { direction: 'down', to: 0 });
    expect(await tables()).toEqual(['pgmigrations']);
    expect(await functions()).toEqual([]);
    await migrate(database.url);
    await fill();
  });

  test('006 adds every named index and takes it back, while rows are there', async () => {
    await migrate(database.url);
    await fill();
    expect(await validIndexes()).toEqual(indexes006);
    await migrate(database.url, { direction: 'down', to: 5 });
    expect(await validIndexes()).toEqual([]);
    await migrate(database.url);
    expect(await validIndexes()).toEqual(indexes006);
  });

  test('006 builds while somebody writes: no writer waits for it, and it waits for the writer only at its ends', async () => {
    await migrate(database.url, { to: 5 });
    const writer = new pg.Client({ connectionString: database.url });
    await writer.connect();
    await writer.query('begin');
    await writer.query(`insert into users (id, email, password_hash) values ($1, 'w@example.test', 'none')`, [alice]);
    const building = migrate(database.url, { to: 6 });
    await expect.poll(() => waitingBuilds(client), { timeout: 20_000 }).toBeGreaterThan(0);
    // The build waits for the writer's transaction; the writer, and new ones, do not wait for the build.
    await client.query(
      `set statement_timeout = 20000; insert into users (id, email, password_hash) values ('${bob}', 'x@example.test', 'none')`,
    );
    await writer.query('commit');
    await writer.end();
    await building;
    expect(await validIndexes()).toEqual(indexes006);
  });

  test('006 can be run again after it was interrupted and left an invalid index behind', async () => {
    await migrate(database.url, { to: 5 });
    const writer = new pg.Client({ connectionString: database.url });
    await writer.connect();
    await writer.query('begin');
    await writer.query(`insert into users (id, email, password_hash) values ($1, 'w@example.test', 'none')`, [alice]);
    const building = migrate(database.url, { to: 6 }).then(
      () => undefined,
      (error: unknown) => error,
    );
    await expect.poll(() => waitingBuilds(client), { timeout: 20_000 }).toBeGreaterThan(0);
    await client.query(`select pg_cancel_backend(pid) from pg_stat_activity where ${waitingBuild}`);
    expect(await building).toBeInstanceOf(Error);
    const { rows } = await client.query(`select 1 from pg_index where not indisvalid`);
    expect(rows).toHaveLength(1);
    await writer.query('rollback');
    await writer.end();
    await migrate(database.url, { to: 6 });
    expect(await validIndexes()).toEqual(indexes006);
    expect((await client.query(`select 1 from pg_index where not indisvalid`)).rows).toHaveLength(0);
  });

  test('015 replaces the token functions of the version before, which may still call them as it did', async () => {
    await migrate(database.url, { to: 14 });
    await client.query(`
      drop function tokens_divide, tokens_sync;
      create function tokens_divide(${divideBefore015}) returns int language sql return 1;
      create function tokens_sync(${syncBefore015}) returns int language sql return 1`);
    await migrate(database.url);
    for (const [name, before] of Object.entries({ tokens_divide: divideBefore015, tokens_sync: syncBefore015 })) {
      const { rows } = await client.query<{ types: string; required: number }>(
        `select oidvectortypes(proargtypes) as types, pronargs - pronargdefaults as required from pg_proc where proname = $1`,
        [name],
      );
      expect(rows, name).toHaveLength(1);
      expect(rows[0]?.types.startsWith(`${before}, inet, `), rows[0]?.types).toBe(true);
      expect(rows[0]?.required, name).toBe(before.split(', ').length);
    }
  });
});

/** The types of their parameters as PostgreSQL writes them. */
const divideBefore015 = 'uuid, text, bytea, uuid, uuid[], bigint[], text[], text, text, timestamp with time zone';
const syncBefore015 =
  'text, text, uuid, text, bytea, uuid, jsonb, uuid[], ' +
  'integer[], bytea[], boolean[], text[], integer[], uuid[], integer[], uuid[], integer[], text[], jsonb[], ' +
  'integer[], integer[], uuid[], integer[], integer[], bigint[], text[], text[], timestamp with time zone[], uuid[], text, timestamp with time zone';

/** The build of the index on users, as it waits for the transaction that writes there. */
const waitingBuild = `query ilike 'create index concurrently%idx_users_active_created%' and wait_event_type = 'Lock' and datname = current_database()`;

async function waitingBuilds(watcher: pg.Client): Promise<number> {
  return (await watcher.query(`select 1 from pg_stat_activity where ${waitingBuild}`)).rows.length;
}
