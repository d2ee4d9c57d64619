import { createTestDatabase, type TestDatabase } from '@dunlin/testkit';
import type { Database } from '@dunlin/postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Sessions } from '../../src/accounts/sessions.js';
import { migrate } from '../../src/migrate.js';
import { openDatabase } from '../support/database.js';
import { insertUser } from '../support/users.js';

describe('migration 010', () => {
  let testDatabase: TestDatabase;
  let database: Database;
  beforeEach(async () => {
    testDatabase = await createTestDatabase();
    database = openDatabase(testDatabase.url);
  });
  afterEach(async () => {
    await database.close();
    await testDatabase.close();
  });

  it('comes to users that are there, goes with sessions that are there, and comes again', async () => {
    await migrate(testDatabase.url, { to: 9 });
    const userId = await insertUser(database);
    // To the end: what opens a session also writes it down, in a table of a later migration.
    await migrate(testDatabase.url);
    expect(await new Sessions(database, { lifetimeSeconds: 60 }).open(userId)).toMatchObject({ kind: 'opened' });
    expect(await migrate(testDatabase.url, { direction: 'down', to: 9 })).toContain('010_create_sessions');
    // The trigger went too: a user can be deactivated as before.
    await database.query('update users set is_active = false where id = $1', [userId]);
    await database.query('update users set is_active = true where id = $1', [userId]);
    await migrate(testDatabase.url);
    const { rows } = await database.query('select 1 from sessions');
    expect(rows).toEqual([]);
    expect(await new Sessions(database, { lifetimeSeconds: 60 }).open(userId)).toMatchObject({ kind: 'opened' });
  });

  it.each([
    ['a hash that is no SHA-256', `sha256('x') || 'y'::bytea`, 'null', 'null', 'sessions_token_hash_is_sha256'],
    ['an end without a reason', `sha256('x')`, 'now()', 'null', 'sessions_end_fits'],
    ['a reason that nobody knows', `sha256('x')`, 'now()', `'whim'`, 'sessions_end_known'],
  ])('refuses %s', async (_title, hash, endedAt, because, constraint) => {
    await migrate(testDatabase.url);
    const userId = await insertUser(database);
    await expect(
      database.query(
        `insert into sessions (id, user_id, token_hash, expires_at, ended_at, ended_because)
         values (gen_random_uuid(), '${userId}', ${hash}, now(), ${endedAt}, ${because})`,
      ),
    ).rejects.toMatchObject({ constraint });
  });
});
