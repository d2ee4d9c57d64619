import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Database } from '@dunlin/postgres';
import type { TestDatabase } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { maxSessions, Sessions } from '../../src/accounts/sessions.js';
import { parseRefreshToken } from '../../src/accounts/sessions-token.js';
import { createWalletDatabase, openDatabase } from '../support/database.js';
import { insertUser } from '../support/users.js';

const lifetimeSeconds = 3_600;

let testDatabase: TestDatabase;
let database: Database;
let sessions: Sessions;
/** A connection of the test's own, to hold locks with. */
let client: pg.Client;
/** Another to look on: within a transaction PostgreSQL shows the activity as it was at the first look. */
let watcher: pg.Client;

beforeAll(async () => {
  testDatabase = await createWalletDatabase();
  database = openDatabase(testDatabase.url);
  sessions = new Sessions(database, { lifetimeSeconds });
});
afterAll(async () => {
  await database.close();
  await testDatabase.close();
});
beforeEach(async () => {
  client = new pg.Client({ connectionString: testDatabase.url });
  watcher = new pg.Client({ connectionString: testDatabase.url });
  await Promise.all([client.connect(), watcher.connect()]);
});
afterEach(async () => {
  await Promise.all([client.end(), watcher.end()]);
});

interface Row {
  generation: number;
  endedBecause: string | null;
  secondsLeft: number;
}

const rowsOf = async (userId: string): Promise<Row[]> =>
  (
    await client.query<Row>(
      `select generation, ended_because as "endedBecause", extract(epoch from expires_at - now())::float8 as "secondsLeft"
         from sessions where user_id = $1 order by created_at, id`,
      [userId],
    )
  ).rows;

async function open(userId: string): Promise<string> {
  const outcome = await sessions.open(userId);
  if (outcome.kind !== 'opened') throw new Error(`The session was not opened: ${outcome.kind}`);
  return outcome.refreshToken;
}

async function refresh(token: string): Promise<string> {
  const outcome = await sessions.refresh(token);
  if (outcome.kind !== 'refreshed') throw new Error(`The session was not refreshed: ${outcome.kind}`);
  return outcome.refreshToken;
}

/** Until this many statements of the wallet wait for a lock. */
const waiting = (statements: number) =>
  expect
    .poll(
      async () =>
        (
          await watcher.query(
            `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database() and pid <> pg_backend_pid()`,
          )
        ).rows.length,
      { timeout: 20_000 },
    )
    .toBe(statements);

describe('a session', () => {
  it('goes on from token to token, each of 256 random bits and good once', async () => {
    const userId = await insertUser(database);
    let token = await open(userId);
    const seen = new Set([token]);
    for (let generation = 2; generation <= 6; generation += 1) {
      const outcome = await sessions.refresh(token);
      expect(outcome).toEqual({
        kind: 'refreshed',
        userId,
        role: 'user',
        tokenGeneration: 0,
        refreshToken: expect.any(String) as string,
      });
      token = outcome.kind === 'refreshed' ? outcome.refreshToken : '';
      expect(token).toMatch(/^[\w-]{64}$/);
      seen.add(token);
      expect(await rowsOf(userId)).toMatchObject([{ generation, endedBecause: null }]);
    }
    expect(seen.size).toBe(6);
    expect(new Set([...seen].map((text) => text.slice(-43))).size).toBe(6);
  });

  it('leaves nothing in the database that could be used', async () => {
    const userId = await insertUser(database);
    const token = await open(userId);
    const secret = Buffer.from(token, 'base64url').subarray(16);
    const { rows } = await client.query<{ row: string; hash: Buffer }>(
      'select s::text as row, token_hash as hash from sessions s where user_id = $1',
      [userId],
    );
    expect(rows[0]?.hash.equals(createHash('sha256').update(secret).digest())).toBe(true);
    expect(rows[0]?.row).not.toContain(secret.toString('hex'));
    expect(rows[0]?.row).not.toContain(token);
  });

  it('ends when a token comes again, for whoever holds the newest one too', async () => {
    const userId = await insertUser(database);
    const first = await open(userId);
    const other = await open(userId);
    const second = await refresh(first);
    const third = await refresh(second);
    expect(await sessions.refresh(first)).toEqual({ kind: 'reused', userId });
    for (const token of [first, second, third]) expect(await sessions.refresh(token)).toEqual({ kind: 'invalid' });
    expect((await rowsOf(userId)).map((row) => row.endedBecause).sort()).toEqual([null, 'reuse']);
    // Another session of the same user is none of its family.
    await refresh(other);
  });

  it('refuses what is no token of its own, and ends nothing for it', async () => {
    const userId = await insertUser(database);
    const token = await open(userId);
    const strangers = [
      '',
      'x',
      token.slice(1),
      `${token}A`,
      ` ${token.slice(1)}`,
      `${token.slice(0, 63)}=`,
      '\u0000'.repeat(64),
      '😀'.repeat(32),
      randomBytes(48).toString('base64url'),
      randomUUID(),
    ];
    for (const stranger of strangers) expect(await sessions.refresh(stranger)).toEqual({ kind: 'invalid' });
    await refresh(token);
  });

  it('expires when nobody refreshes it, and lasts anew when somebody does', async () => {
    const userId = await insertUser(database);
    let token = await open(userId);
    await client.query(`update sessions set expires_at = now() + interval '30 seconds' where user_id = $1`, [userId]);
    token = await refresh(token);
    const [row] = await rowsOf(userId);
    expect(row?.secondsLeft).toBeGreaterThan(lifetimeSeconds - 60);
    expect(row?.secondsLeft).toBeLessThanOrEqual(lifetimeSeconds);

    await client.query('update sessions set expires_at = now() where user_id = $1', [userId]);
    expect(await sessions.refresh(token)).toEqual({ kind: 'invalid' });
    expect(await rowsOf(userId)).toMatchObject([{ generation: 2, endedBecause: null }]);
  });

  it('ends with a logout, by the newest token or an older one, and again without a word', async () => {
    const userId = await insertUser(database);
    const [first, second] = [await open(userId), await open(userId)];
    const newer = await refresh(second);
    await sessions.end(first);
    await sessions.end(first);
    await sessions.end(second);
    for (const token of [first, second, newer]) expect(await sessions.refresh(token)).toEqual({ kind: 'invalid' });
    expect((await rowsOf(userId)).map((row) => row.endedBecause)).toEqual(['logout', 'logout']);
    await sessions.end(randomBytes(48).toString('base64url'));
    await sessions.end('no token');
  });

  it('has the role that the user has now', async () => {
    const userId = await insertUser(database);
    const token = await open(userId);
    await client.query(`update users set role = 'operator' where id = $1`, [userId]);
    expect(await sessions.refresh(token)).toMatchObject({ kind: 'refreshed', role: 'operator' });
  });

  it(`is one of at most ${maxSessions} of a user; one more ends the one that was refreshed longest ago`, async () => {
    const userId = await insertUser(database);
    const tokens: string[] = [];
    for (let made = 0; made < maxSessions; made += 1) tokens.push(await open(userId));
    const [refreshed, forgotten] = tokens as [string, string];
    await client.query(`update sessions set refreshed_at = now() - interval '2 hours' where user_id = $1`, [userId]);
    await client.query(`update sessions set refreshed_at = now() - interval '1 day' where token_hash = any ($1)`, [
      [refreshed, forgotten].map((token) => parseRefreshToken(token)?.hash),
    ]);
    const fresh = await refresh(refreshed);
    await open(userId);
    expect((await rowsOf(userId)).filter((row) => row.endedBecause === null)).toHaveLength(maxSessions);
    expect((await rowsOf(userId)).filter((row) => row.endedBecause === 'surplus')).toHaveLength(1);
    expect(await sessions.refresh(forgotten)).toEqual({ kind: 'invalid' });
    await refresh(fresh);
  });
});

describe('many at once', () => {
  it('of fifty refreshes with one token exactly one wins, and the session ends', async () => {
    const userId = await insertUser(database);
    const token = await open(userId);
    // All that the pool lets through have read the session before the first of them may change it.
    await client.query('begin');
    await client.query('select 1 from sessions where user_id = $1 for update', [userId]);
    const running = Array.from({ length: 50 }, () => sessions.refresh(token));
    await waiting(8);
    await client.query('commit');
    const outcomes = await Promise.all(running);

    const count = (kind: string): number => outcomes.filter((outcome) => outcome.kind === kind).length;
    expect([count('refreshed'), count('reused'), count('invalid')]).toEqual([1, 1, 48]);
    const winner = outcomes.find((outcome) => outcome.kind === 'refreshed');
    expect(await sessions.refresh(winner?.refreshToken ?? '')).toEqual({ kind: 'invalid' });
    expect(await rowsOf(userId)).toMatchObject([{ generation: 2, endedBecause: 'reuse' }]);
  });

  it('fifty sessions of fifty users are refreshed without minding each other', async () => {
    const users = await Promise.all(Array.from({ length: 50 }, () => insertUser(database)));
    const tokens = await Promise.all(users.map((userId) => open(userId)));
    const outcomes = await Promise.all(tokens.map((token) => sessions.refresh(token)));
    expect(outcomes.map((outcome) => (outcome.kind === 'refreshed' ? outcome.userId : outcome.kind))).toEqual(users);
  });

  it('a refresh that waits for a logout is refused', async () => {
    const userId = await insertUser(database);
    const token = await open(userId);
    await client.query('begin');
    await client.query(`update sessions set ended_at = now(), ended_because = 'logout' where user_id = $1`, [userId]);
    const running = sessions.refresh(token);
    await waiting(1);
    await client.query('commit');
    expect(await running).toEqual({ kind: 'invalid' });
  });
});

describe('a deactivation', () => {
  const deactivate = `update users set is_active = false where id = $1`;

  it('ends every session of the user, and of nobody else', async () => {
    const [userId, neighbour] = [await insertUser(database), await insertUser(database)];
    const tokens = [await open(userId), await open(userId)];
    const spared = await open(neighbour);
    const older = tokens[0] as string;
    tokens[0] = await refresh(older);
    await client.query(deactivate, [userId]);
    for (const token of tokens) expect(await sessions.refresh(token)).toEqual({ kind: 'deactivated' });
    // A token that is not the last one learns nothing of the user.
    expect(await sessions.refresh(older)).toEqual({ kind: 'invalid' });
    expect((await rowsOf(userId)).map((row) => row.endedBecause)).toEqual(['deactivation', 'deactivation']);
    expect(await sessions.open(userId)).toEqual({ kind: 'deactivated' });
    await refresh(spared);
    expect(await sessions.open(randomUUID())).toEqual({ kind: 'deactivated' });
  });

  it('does not bring the sessions back when it is undone in the database', async () => {
    const userId = await insertUser(database);
    const token = await open(userId);
    await client.query(deactivate, [userId]);
    await client.query('update users set is_active = true where id = $1', [userId]);
    expect(await sessions.refresh(token)).toEqual({ kind: 'invalid' });
  });

  it('that commits while a refresh waits for it wins', async () => {
    const userId = await insertUser(database);
    const token = await open(userId);
    await client.query('begin');
    await client.query(deactivate, [userId]);
    const running = sessions.refresh(token);
    await waiting(1);
    await client.query('commit');
    expect(await running).toEqual({ kind: 'deactivated' });
  });

  it('that commits while a session is being opened lets none open', async () => {
    const userId = await insertUser(database);
    await client.query('begin');
    await client.query(deactivate, [userId]);
    const running = sessions.open(userId);
    await waiting(1);
    await client.query('commit');
    expect(await running).toEqual({ kind: 'deactivated' });
    expect(await rowsOf(userId)).toEqual([]);
  });

  it('ends a session that was being opened when it came', async () => {
    const userId = await insertUser(database);
    let running: Promise<unknown> | undefined;
    await database.transaction(async (transaction) => {
      expect(await new Sessions(transaction, { lifetimeSeconds }).open(userId)).toMatchObject({ kind: 'opened' });
      running = database.query(deactivate, [userId]);
      await waiting(1);
    });
    await running;
    expect(await rowsOf(userId)).toMatchObject([{ endedBecause: 'deactivation' }]);
  });
});
