import { createTestDatabase, type TestDatabase } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig, type Config } from '../../src/config/config.js';
import { planPool, readConnectionRoom } from '../../src/process/connection-room.js';

describe('the room for connections', () => {
  let database: TestDatabase;
  let client: pg.Client;
  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await database?.close();
  });
  const setting = async (name: string): Promise<number> => {
    const { rows } = await client.query<{ value: number }>('select current_setting($1)::int as value', [name]);
    return rows[0]!.value;
  };

  test('is what the server gives to everybody, less what is reserved, and counts who is there', async () => {
    const most = (await setting('max_connections')) - (await setting('superuser_reserved_connections'));
    const before = await readConnectionRoom(client);
    expect(before.most).toBe(most - (await setting('reserved_connections')));
    const guest = new pg.Client({ connectionString: database.url });
    await guest.connect();
    // Others of this run come and go; ten guests at once would show even so, and one shows in the view that is read.
    const { rows } = await client.query<{ there: boolean }>(
      'select exists (select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()) as there',
    );
    expect([rows[0]?.there, (await readConnectionRoom(client)).taken > 0]).toEqual([true, true]);
    await guest.end();
  });

  test('is no more than the database is allowed', async () => {
    await client.query(`alter database ${database.name} connection limit 17`);
    expect((await readConnectionRoom(client)).most).toBe(17);
  });
});

const sized = (size: number, variables: Record<string, string> = {}): Config =>
  loadConfig({ DB_POOL_SIZE: String(size), DATABASE_URL: 'postgres://db/wallet', ...variables }, '/data');

describe('the pool of each instance', () => {
  const room = { most: 97, taken: 3 };

  test('is as configured where all fit, with one more for the time of a renewal', () => {
    expect(planPool(sized(10), 5, { most: 84, taken: 0 })).toEqual({ poolSize: 10 });
    expect(planPool(sized(10), 5, { most: 83, taken: 0 }).poolSize).toBe(9);
    expect(planPool(sized(10), 1, { most: 14, taken: 0 })).toEqual({ poolSize: 10 });
  });

  test('is lowered until all fit, and a line says so', () => {
    const { poolSize, remark } = planPool(sized(10), 8, room);
    expect(poolSize).toBe(6);
    expect(9 * (poolSize + 4)).toBeLessThanOrEqual(room.most - room.taken);
    expect(remark).toContain('94 connections left');
    expect(remark).toContain('each gets a pool of 6 rather than 10');
  });

  test('is never less than two, however many there are', () => {
    expect(planPool(sized(10), 64, room).poolSize).toBe(2);
  });

  test('stays as somebody chose it, with a warning', () => {
    const { poolSize, remark } = planPool(sized(40), 4, room);
    expect(poolSize).toBe(40);
    expect(remark).toContain('with DB_POOL_SIZE at 40. Set DB_POOL_SIZE to 14 or less, or raise max_connections.');
  });

  test('behind a pooler is as configured: the connections are the pooler’s', () => {
    const behind = sized(10, { DATABASE_DIRECT_URL: 'postgres://primary/wallet' });
    expect(planPool(behind, 8, room)).toEqual({ poolSize: 10 });
  });

  test('of an instance alone is warned about as well', () => {
    expect(planPool(sized(10), 1, { most: 20, taken: 15 })).toMatchObject({ poolSize: 10 });
    expect(planPool(sized(10), 1, { most: 20, taken: 15 }).remark).toContain('has 5 connections left');
  });
});
