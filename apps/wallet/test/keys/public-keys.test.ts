import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@dunlin/postgres';
import { gate, type TestDatabase } from '@dunlin/testkit';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PublicKeyDatabase } from '../../src/keys/public-keys.js';
import type { Queryable } from '../../src/keys/queryable.js';
import { createWalletDatabase, openDatabase } from '../support/database.js';

describe('the public-key database', () => {
  let testDatabase: TestDatabase;
  let database: Database;
  let publicKeys: PublicKeyDatabase;
  let userId: string;

  beforeEach(async () => {
    testDatabase = await createWalletDatabase();
    database = openDatabase(testDatabase.url);
    publicKeys = new PublicKeyDatabase(database);
    userId = uuidv7();
    await database.query(`insert into users (id, email, password_hash) values ($1, 'ada@example.org', '')`, [userId]);
  });
  afterEach(async () => {
    await database.close();
    await testDatabase.close();
  });

  async function insertKey(target: Queryable, owner = userId): Promise<string> {
    const id = randomBytes(32).toString('base64url');
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: randomBytes(32).toString('base64url') };
    await target.query(`insert into public_keys (id, type, user_id, jwk) values ($1, 'user', $2, $3)`, [
      id,
      owner,
      jwk,
    ]);
    return id;
  }

  it('is empty at version 0', async () => {
    expect(await publicKeys.page('0', 10)).toEqual({ version: '0', keys: [] });
  });

  it('pages through every key once, in the order of change, and ends without a next page', async () => {
    const ids = [];
    for (let index = 0; index < 7; index += 1) ids.push(await insertKey(database));
    const seen: string[] = [];
    const sizes: number[] = [];
    let after: string | undefined = '0';
    while (after !== undefined) {
      const page = await publicKeys.page(after, 3);
      seen.push(...page.keys.map((key) => key.id));
      sizes.push(page.keys.length);
      after = page.nextVersion;
    }
    expect(seen).toEqual(ids);
    expect(sizes).toEqual([3, 3, 1]);
    expect((await publicKeys.page('0', 7)).nextVersion).toBeUndefined();
  });

  it('gives what changed since a version, a revocation included', async () => {
    const [first] = [await insertKey(database), await insertKey(database)];
    const { version } = await publicKeys.page('0', 10);
    expect((await publicKeys.page(version, 10)).keys).toEqual([]);
    await database.query('update public_keys set is_active = false, revoked_at = now() where id = $1', [first]);
    const changes = await publicKeys.page(version, 10);
    expect(changes.keys).toMatchObject([{ id: first, userId, isActive: false, revokedAt: expect.any(Date) as Date }]);
    expect(BigInt(changes.version)).toBeGreaterThan(BigInt(version));
  });

  it('never shows a version before a smaller one that is still to be committed', async () => {
    const drawn = gate();
    const slow = database.transaction(async (transaction) => {
      await insertKey(transaction);
      await drawn.arrive();
    });
    await drawn.arrived;
    // The slow transaction holds version 1. A second writer must not become visible as version 2 before it.
    const fast = insertKey(database);
    const settled = await Promise.race([fast.then(() => 'committed'), waitingForLock().then(() => 'waiting')]);
    expect(settled).toBe('waiting');
    expect(await publicKeys.page('0', 10)).toEqual({ version: '0', keys: [] });
    drawn.open();
    await Promise.all([slow, fast]);
    expect((await publicKeys.page('0', 10)).keys).toHaveLength(2);
  });

  async function waitingForLock(): Promise<void> {
    for (;;) {
      const { rows } = await database.query(
        `select from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`,
      );
      if (rows.length > 0) return;
      await sleep(5);
    }
  }

  it('lists the keys of one user, newest first', async () => {
    const other = uuidv7();
    await database.query(`insert into users (id, email, password_hash) values ($1, 'bo@example.org', '')`, [other]);
    const first = await insertKey(database);
    await database.query(`update public_keys set created_at = created_at - interval '1 day'`);
    const second = await insertKey(database);
    await insertKey(database, other);
    const keys = await publicKeys.ofUser(userId);
    expect(keys?.map((key) => key.id)).toEqual([second, first]);
  });

  it('tells a user without keys from one that does not exist', async () => {
    expect(await publicKeys.ofUser(userId)).toEqual([]);
    expect(await publicKeys.ofUser(uuidv7())).toBeUndefined();
  });
});
