import { generateKeyPairSync } from 'node:crypto';
import type { Database } from '@dunlin/postgres';
import type { TestDatabase } from '@dunlin/testkit';
import { v7 as uuidv7, version } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Accounts } from '../../src/accounts/accounts.js';
import { ensureOperator } from '../../src/accounts/operator.js';
import { Passwords } from '../../src/accounts/passwords.js';
import { createWalletDatabase, openDatabase } from '../support/database.js';

const cheap = { memoryKib: 64, passes: 1 };
const password = 'correct horse';

function newDeviceKey(): object {
  return generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
}

describe('accounts', () => {
  let testDatabase: TestDatabase;
  let database: Database;
  let accounts: Accounts;

  beforeEach(async () => {
    testDatabase = await createWalletDatabase();
    database = openDatabase(testDatabase.url);
    accounts = new Accounts(database, new Passwords(cheap), { currency: 'EUR' });
  });
  afterEach(async () => {
    await database.close();
    await testDatabase.close();
  });

  async function count(table: string): Promise<number> {
    const { rows } = await database.query<{ count: number }>(`select count(*)::int as count from ${table}`);
    return rows[0]?.count ?? -1;
  }

  async function register(email: string, devicePublicKey?: unknown): Promise<string> {
    const outcome = await accounts.register({ email, password, devicePublicKey });
    if (outcome.kind !== 'registered') throw new Error(outcome.kind);
    return outcome.user.id;
  }

  it('register a user with an empty ledger account and the device key', async () => {
    const devicePublicKey = newDeviceKey();
    const outcome = await accounts.register({ email: 'Ada@Example.org', password, devicePublicKey });
    if (outcome.kind !== 'registered') throw new Error(outcome.kind);
    const { user } = outcome;
    expect(user).toMatchObject({ email: 'ada@example.org', role: 'user', isActive: true });
    expect(version(user.id)).toBe(7);
    expect(await accounts.profile(user.id)).toEqual({ ...user, devicePublicKey });
    const { rows } = await database.query(
      `select id, kind, currency, balance::int as balance, held::int as held from accounts where kind = 'user'`,
    );
    expect(rows).toEqual([{ id: user.id, kind: 'user', currency: 'EUR', balance: 0, held: 0 }]);
  });

  it('keep the password only as a hash', async () => {
    await register('ada@example.org');
    const { rows } = await database.query<{ hash: string }>('select password_hash as hash from users');
    expect(rows[0]?.hash).toMatch(/^\$argon2id\$/);
    expect(rows[0]?.hash).not.toContain(password);
  });

  it('let one of many racing registrations of an address win, and leave no trace of the others', async () => {
    const emails = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? 'ada@example.org' : 'ADA@example.org'));
    const outcomes = await Promise.all(
      emails.map((email) => accounts.register({ email, password, devicePublicKey: newDeviceKey() })),
    );
    expect(outcomes.map((outcome) => outcome.kind).sort()).toEqual([
      ...Array<string>(9).fill('email_taken'),
      'registered',
    ]);
    expect(await count('users')).toBe(1);
    expect(await count(`accounts where kind = 'user'`)).toBe(1);
    expect(await count('public_keys')).toBe(1);
  });

  it('refuse a device key that another account holds, and make nothing', async () => {
    const devicePublicKey = newDeviceKey();
    await register('ada@example.org', devicePublicKey);
    expect(await accounts.register({ email: 'bo@example.org', password, devicePublicKey })).toEqual({
      kind: 'device_key_taken',
    });
    expect(await count('users')).toBe(1);
    expect(await count(`accounts where kind = 'user'`)).toBe(1);
  });

  it.each([
    ['a bad address', { email: 'ada', password }, '/email'],
    ['a short password', { email: 'ada@example.org', password: 'short' }, '/password'],
    ['a device key that is none', { email: 'ada@example.org', password, devicePublicKey: 'key' }, '/devicePublicKey'],
    [
      'a device key of another kind',
      { email: 'ada@example.org', password, devicePublicKey: { kty: 'RSA' } },
      '/devicePublicKey/kty',
    ],
  ])('refuse %s by its place, and make nothing', async (_title, registration, path) => {
    expect(await accounts.register(registration)).toMatchObject({ kind: 'invalid', path });
    expect(await count('users')).toBe(0);
  });

  it('say busy past the queue of hashes, and make nothing', async () => {
    const crowdedAccounts = new Accounts(database, new Passwords({ ...cheap, concurrency: 1, maxWaiting: 0 }), {
      currency: 'EUR',
    });
    const outcomes = await Promise.all(
      [1, 2, 3].map((index) => crowdedAccounts.register({ email: `ada${index}@example.org`, password })),
    );
    expect(outcomes.map((outcome) => outcome.kind).sort()).toEqual(['busy', 'busy', 'registered']);
    expect(await count('users')).toBe(1);
  });

  it('let in with the right password only', async () => {
    const id = await register('ada@example.org');
    expect(await accounts.login(' ADA@example.org', password)).toMatchObject({
      kind: 'welcome',
      user: { id, role: 'user' },
    });
    const welcome = await accounts.login('ada@example.org', password);
    expect(JSON.stringify(welcome)).not.toContain('argon2');
    for (const [email, attempt] of [
      ['ada@example.org', 'wrong horse'],
      ['ada@example.org', ''],
      ['ada@example.org', 'x'.repeat(10_000)],
      ['bo@example.org', password],
      ['no address', password],
    ] as const) {
      expect(await accounts.login(email, attempt)).toEqual({ kind: 'bad_credentials' });
    }
  });

  it('tell a deactivated user so only after the right password', async () => {
    const id = await register('ada@example.org');
    await database.query('update users set is_active = false where id = $1', [id]);
    expect(await accounts.login('ada@example.org', password)).toEqual({ kind: 'deactivated' });
    expect(await accounts.login('ada@example.org', 'wrong horse')).toEqual({ kind: 'bad_credentials' });
  });

  it('hash anew at the next login when the cost has changed', async () => {
    await register('ada@example.org');
    const dearer = new Accounts(database, new Passwords({ memoryKib: 128, passes: 1 }), { currency: 'EUR' });
    expect((await dearer.login('ada@example.org', password)).kind).toBe('welcome');
    const { rows } = await database.query<{ hash: string }>('select password_hash as hash from users');
    expect(rows[0]?.hash).toContain('m=128');
    expect((await dearer.login('ada@example.org', password)).kind).toBe('welcome');
  });

  it('tell the state that decides over a token', async () => {
    const id = await register('ada@example.org');
    expect(await accounts.principalState(id)).toEqual({
      role: 'user',
      isActive: true,
      isFrozen: false,
      tokenGeneration: 0,
    });
    await database.query('update users set is_active = false, frozen_at = now() where id = $1', [id]);
    expect(await accounts.principalState(id)).toEqual({
      role: 'user',
      isActive: false,
      isFrozen: true,
      tokenGeneration: 1,
    });
    expect(await accounts.principalState(uuidv7())).toBeUndefined();
    expect(await accounts.profile(uuidv7())).toBeUndefined();
  });

  describe('the operator', () => {
    const configured = { email: 'ops@example.org', password: 'a long password' };
    const unset = { email: 'operator@localhost', password: undefined };

    it('is made up once, by instances that start together, with a password that works', async () => {
      const outcomes = await Promise.all(Array.from({ length: 4 }, () => ensureOperator(database, accounts, unset)));
      const madeUp = outcomes.flatMap((outcome) => (outcome.kind === 'made_up' ? [outcome] : []));
      expect(outcomes.map((outcome) => outcome.kind).sort()).toEqual(['made_up', 'present', 'present', 'present']);
      const login = await accounts.login(madeUp[0]?.email ?? '', madeUp[0]?.password ?? '');
      expect(login).toMatchObject({ kind: 'welcome', user: { role: 'operator' } });
      expect(await ensureOperator(database, accounts, unset)).toEqual({ kind: 'present' });
    });

    it('is made as configured, and found at the next start', async () => {
      expect(await ensureOperator(database, accounts, configured)).toEqual({
        kind: 'created',
        email: configured.email,
      });
      expect(await ensureOperator(database, accounts, configured)).toEqual({ kind: 'present' });
      expect(await accounts.login(configured.email, configured.password)).toMatchObject({ user: { role: 'operator' } });
      expect(await ensureOperator(database, accounts, unset)).toEqual({ kind: 'present' });
    });

    it("is refused when nobody runs the wallet and the address is a user's", async () => {
      await register(unset.email);
      expect(await ensureOperator(database, accounts, unset)).toMatchObject({ kind: 'refused', reason: /no operator/ });
    });

    it.each([
      ['an address that is none', { ...configured, email: 'ops' }, /OPERATOR_EMAIL must/],
      ['a password that is too short', { ...configured, password: 'short' }, /OPERATOR_PASSWORD must/],
    ])('is refused with %s', async (_title, credentials, reason) => {
      expect(await ensureOperator(database, accounts, credentials)).toMatchObject({ kind: 'refused', reason });
    });

    it("is refused with another password than the stored one, a user's address, or a deactivated account", async () => {
      await ensureOperator(database, accounts, configured);
      expect(await ensureOperator(database, accounts, { ...configured, password: 'another password' })).toMatchObject({
        kind: 'refused',
        reason: expect.stringContaining('OPERATOR_PASSWORD') as string,
      });
      await register('ada@example.org');
      for (const attempt of [password, 'another password']) {
        expect(await ensureOperator(database, accounts, { email: 'ada@example.org', password: attempt })).toMatchObject(
          {
            kind: 'refused',
            reason: expect.stringContaining('no operator') as string,
          },
        );
      }
      await database.query(`update users set is_active = false where role = 'operator'`);
      expect(await ensureOperator(database, accounts, configured)).toMatchObject({
        kind: 'refused',
        reason: expect.stringContaining('deactivated') as string,
      });
    });
  });
});
