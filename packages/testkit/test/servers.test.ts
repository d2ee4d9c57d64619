import { Redis } from 'ioredis';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import {
  createTestDatabase,
  describeRedis,
  makeScratchFolder,
  removeScratchFolder,
  startTestPostgres,
  startTestRedis,
  testRedisUrl,
} from '../src/index.js';

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 20_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

describe('createTestDatabase', () => {
  test('gives each caller an empty database and drops it on close', async () => {
    const first = await createTestDatabase();
    const second = await createTestDatabase();
    await query(first.url, 'CREATE TABLE only_here (n int)');
    expect(await query(second.url, "SELECT to_regclass('only_here') AS found")).toEqual([{ found: null }]);
    await first.close();
    await first.close();
    await expect(query(first.url, 'SELECT 1')).rejects.toThrow('does not exist');
    await second.close();
  });

  test('prepares a template once, however many ask at the same time', async () => {
    let prepared = 0;
    const template = {
      name: 'testkit_once',
      async prepare(url: string) {
        prepared += 1;
        await query(url, 'CREATE TABLE seeded AS SELECT 7 AS n');
      },
    };
    const databases = await Promise.all(Array.from({ length: 4 }, () => createTestDatabase({ template })));
    expect(prepared).toBe(1);
    for (const database of databases) {
      expect(await query(database.url, 'SELECT n FROM seeded')).toEqual([{ n: 7 }]);
      await database.close();
    }
  });

  test('never clones a template whose preparation failed', async () => {
    let attempts = 0;
    const template = {
      name: 'testkit_failing',
      async prepare(url: string) {
        attempts += 1;
        await query(url, `CREATE TABLE attempt_${attempts} ()`);
        if (attempts === 1) throw new Error('the first attempt breaks off');
      },
    };
    await expect(createTestDatabase({ template })).rejects.toThrow('breaks off');
    const database = await createTestDatabase({ template });
    expect(await query(database.url, "SELECT to_regclass('attempt_1') AS first")).toEqual([{ first: null }]);
    await database.close();
  });
});

describe('startTestPostgres', () => {
  test('keeps a committed row over kill -9 when it is durable, and its port', async () => {
    const server = await startTestPostgres({ durable: true });
    try {
      expect(await query(server.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
      await query(server.url, 'CREATE TABLE kept AS SELECT 1 AS n');
      await server.kill9();
      await expect(query(server.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
      await server.restart();
      expect(await query(server.url, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
    } finally {
      await server.stop();
      await server.stop();
    }
  });

  test('answers nothing while paused, and the same query after', async () => {
    const server = await startTestPostgres();
    try {
      const client = new pg.Client({ connectionString: server.ownerUrl });
      await client.connect();
      server.pause();
      let answered = false;
      const asked = client.query('SELECT 1').then(() => (answered = true));
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(answered).toBe(false);
      server.resume();
      await asked;
      await client.end();
    } finally {
      await server.stop();
    }
  });

  test("has pg_stat_statements in the owner's database and a role that is no superuser", async () => {
    const server = await startTestPostgres();
    try {
      expect(await query(server.ownerUrl, 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).toEqual([
        { rolsuper: false },
      ]);
      const [row] = await query(
        server.ownerUrl,
        "SELECT count(*) > 0 AS seen FROM pg_stat_statements WHERE query <> ''",
      );
      expect(row).toEqual({ seen: true });
    } finally {
      await server.stop();
    }
  });
});

describeRedis('the Redis servers', () => {
  test('hand out logical databases that do not see each other', async () => {
    const urls = [testRedisUrl(), testRedisUrl()];
    const [first, second] = urls.map((url) => new Redis(url ?? ''));
    await first?.set('testkit:here', '1');
    expect(await second?.get('testkit:here')).toBeNull();
    await first?.flushdb();
    first?.disconnect();
    second?.disconnect();
  });

  test('come back on the same port after kill -9', async () => {
    const server = await startTestRedis();
    const { port, pid } = server;
    await server.kill9();
    await server.restart();
    const client = new Redis(server.url);
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    await server.stop();
    await server.stop();
  });
});

test('a scratch folder is gone once it is removed', async () => {
  const { existsSync } = await import('node:fs');
  const folder = makeScratchFolder();
  expect(existsSync(folder)).toBe(true);
  removeScratchFolder(folder);
  expect(existsSync(folder)).toBe(false);
});
