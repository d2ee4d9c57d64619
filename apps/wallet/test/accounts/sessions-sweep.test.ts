import { randomBytes, randomUUID } from 'node:crypto';
import type { Database } from '@dunlin/postgres';
import type { TestDatabase } from '@dunlin/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sessionSweepJob } from '../../src/accounts/sessions-sweep.js';
import { createWalletDatabase, openDatabase } from '../support/database.js';
import { insertUser } from '../support/users.js';

describe('the sweep of sessions', () => {
  let testDatabase: TestDatabase;
  let database: Database;
  let userId: string;
  beforeEach(async () => {
    testDatabase = await createWalletDatabase();
    database = openDatabase(testDatabase.url);
    userId = await insertUser(database);
  });
  afterEach(async () => {
    await database.close();
    await testDatabase.close();
  });

  /** A session that expires, and ended, this many hours from now; ago where negative. */
  async function insert(expiresHours: number, endedHours: number | null = null): Promise<string> {
    const id = randomUUID();
    await database.query(
      `insert into sessions (id, user_id, token_hash, expires_at, ended_at, ended_because)
       values ($1, $2, $3, now() + make_interval(hours => $4), now() + make_interval(hours => $5::int),
               case when $5::int is null then null else 'logout' end)`,
      [id, userId, randomBytes(32), expiresHours, endedHours],
    );
    return id;
  }
  const left = async (): Promise<string[]> =>
    (await database.query<{ id: string }>('select id from sessions')).rows.map(({ id }) => id).sort();
  const run = (signal = new AbortController().signal) => sessionSweepJob(database).run({ signal });

  it('forgets what expired or ended more than a day ago, and nothing else', async () => {
    const kept = [await insert(1), await insert(-23), await insert(700, -23)];
    await insert(-25);
    await insert(700, -25);
    await insert(-25, -30);
    expect(await run()).toEqual({ detail: '3 sessions were forgotten.', counts: { removed: 3 } });
    expect(await left()).toEqual(kept.sort());
    expect(await run()).toMatchObject({ counts: { removed: 0 } });
  });

  it('goes on until nothing is left, however much there is, and stops when it is told to', async () => {
    await database.query(
      `insert into sessions (id, user_id, token_hash, expires_at)
       select gen_random_uuid(), $1, sha256(n::text::bytea), now() - interval '2 days' from generate_series(1, 20001) n`,
      [userId],
    );
    expect(await run(AbortSignal.abort())).toMatchObject({ counts: { removed: 0 } });
    expect(await run()).toMatchObject({ counts: { removed: 20_001 } });
    expect(await left()).toEqual([]);
  });
});
