import { createTestDatabase, startFaultProxy, type TestDatabase } from '@dunlin/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Database, type Logger } from '../src/index.js';

let target: TestDatabase;
const open: Database[] = [];
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

beforeAll(async () => {
  target = await createTestDatabase();
});
afterAll(() => target.close());
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function database(url = target.url): Database {
  const created = new Database({ connectionString: url, logger: quiet });
  open.push(created);
  return created;
}

describe('listen', () => {
  it('hears what is sent on its channel, on commit, until it is stopped', async () => {
    const db = database();
    const heard: string[] = [];
    const stop = await db.listen('Odd "name"', (payload) => heard.push(payload));
    await db.transaction(async (tx) => {
      await tx.query(`NOTIFY "Odd ""name""", 'one'`);
      expect(heard).toEqual([]);
    });
    await expect.poll(() => heard).toEqual(['one']);
    await stop();
    await stop();
    await db.query(`NOTIFY "Odd ""name""", 'two'`);
    await db.query('SELECT 1');
    expect(heard).toEqual(['one']);
  });

  it('serves several channels and subscribers with one session, and survives one that throws', async () => {
    const db = database();
    const heard: string[] = [];
    await db.listen('a', () => {
      throw new Error('a careless subscriber');
    });
    const stopSecond = await db.listen('a', (payload) => heard.push(`a:${payload}`));
    await db.listen('b', (payload) => heard.push(`b:${payload}`));
    await db.query(`SELECT pg_notify('a', '1'), pg_notify('b', '2')`);
    await expect.poll(() => heard).toEqual(['a:1', 'b:2']);
    await stopSecond();
    await db.query(`SELECT pg_notify('a', '3'), pg_notify('b', '4')`);
    await expect.poll(() => heard).toEqual(['a:1', 'b:2', 'b:4']);
  });

  it('tells of the gap when the connection was lost, and hears again', async () => {
    const proxy = await startFaultProxy({ targetPort: Number(new URL(target.url).port) });
    const url = new URL(target.url);
    url.port = String(proxy.port);
    try {
      const happened: string[] = [];
      await database(url.href).listen('c', (payload) => happened.push(payload), {
        onDisconnect: () => happened.push('lost'),
        onReconnect: () => happened.push('back'),
      });
      // Nobody gets back in before the proxy is healed, however long this program is kept from going on.
      proxy.drop();
      await expect.poll(() => happened).toContain('lost');
      await database().query(`NOTIFY c, 'missed'`);
      proxy.heal();
      await expect.poll(() => happened).toContain('back');
      await database().query(`NOTIFY c, 'heard'`);
      await expect.poll(() => happened).toEqual(['lost', 'back', 'heard']);
    } finally {
      await proxy.close();
    }
  });

  it('fails when there is no server, and when the database is closed', async () => {
    await expect(database('postgres://127.0.0.1:1/none').listen('x', () => undefined)).rejects.toMatchObject({
      kind: 'unavailable',
    });
    const db = database();
    await db.close();
    await expect(db.listen('x', () => undefined)).rejects.toMatchObject({ kind: 'closed' });
  });
});
