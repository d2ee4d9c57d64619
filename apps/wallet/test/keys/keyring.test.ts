import { randomBytes, sign, verify } from 'node:crypto';
import type { Database } from '@dunlin/postgres';
import type { TestDatabase } from '@dunlin/testkit';
import { createLocalJWKSet } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toJwks } from '../../src/keys/jwks.js';
import { loadKeyring } from '../../src/keys/keyring.js';
import { parseMasterKey, type MasterKey } from '../../src/keys/master-key.js';
import { createWalletDatabase, openDatabase } from '../support/database.js';

describe('the keyring', () => {
  let testDatabase: TestDatabase;
  let database: Database;
  let masterKey: MasterKey;

  beforeEach(async () => {
    testDatabase = await createWalletDatabase();
    database = openDatabase(testDatabase.url);
    masterKey = parseMasterKey(randomBytes(32).toString('hex'));
  });
  afterEach(async () => {
    await database.close();
    await testDatabase.close();
  });

  async function count(table: string): Promise<number> {
    const { rows } = await database.query<{ count: number }>(`select count(*)::int as count from ${table}`);
    return rows[0]?.count ?? -1;
  }

  it('is made once by instances that start together, and is the same for all of them', async () => {
    const keyrings = await Promise.all(Array.from({ length: 6 }, () => loadKeyring(database, masterKey)));
    expect(new Set(keyrings.map((keyring) => keyring.accessTokenKey.secret.toString('hex'))).size).toBe(1);
    expect(new Set(keyrings.map((keyring) => keyring.issuerKey.id)).size).toBe(1);
    expect(await count('signing_keys')).toBe(2);
    expect(await count('public_keys')).toBe(1);
  });

  it('holds an issuer key whose public part verifies what its private part signs', async () => {
    await loadKeyring(database, masterKey);
    const keyring = await loadKeyring(database, masterKey);
    const message = Buffer.from('message');
    const publicKey = keyring.issuerKeys.get(keyring.issuerKey.id)?.publicKey;
    expect(
      publicKey !== undefined && verify(null, message, publicKey, sign(null, message, keyring.issuerKey.privateKey)),
    ).toBe(true);
    expect(keyring.accessTokenKey.secret).toHaveLength(32);
  });

  it('keeps no secret in the clear', async () => {
    const { issuerKey, accessTokenKey } = await loadKeyring(database, masterKey);
    const { rows } = await database.query<{ wrapped: Buffer }>('select wrapped_secret as wrapped from signing_keys');
    const stored = Buffer.concat(rows.map((row) => row.wrapped));
    expect(rows).toHaveLength(2);
    expect(stored.includes(accessTokenKey.secret)).toBe(false);
    const seed = Buffer.from(issuerKey.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
    expect(seed).toHaveLength(32);
    expect(stored.includes(seed)).toBe(false);
  });

  it('refuses another master key with a plain message, and makes nothing beside keys that it cannot open', async () => {
    await loadKeyring(database, masterKey);
    const other = parseMasterKey(randomBytes(32).toString('hex'));
    await expect(loadKeyring(database, other)).rejects.toMatchObject({
      code: 'wrong_master_key',
      message: /another master key/,
    });
    await database.query(`delete from signing_keys where purpose = 'access_token'`);
    await expect(loadKeyring(database, other)).rejects.toMatchObject({ code: 'wrong_master_key' });
    expect(await count('signing_keys')).toBe(1);
  });

  it('refuses a secret that was changed or moved to another row', async () => {
    await loadKeyring(database, masterKey);
    await database.query(
      `update signing_keys set wrapped_secret = (select wrapped_secret from signing_keys where purpose = 'access_token') where purpose = 'issuer'`,
    );
    await expect(loadKeyring(database, masterKey)).rejects.toMatchObject({ code: 'signing_key_damaged' });
  });

  it('still verifies with a retired key, until it runs out', async () => {
    const old = await loadKeyring(database, masterKey);
    await database.query(`update signing_keys set retired_at = now(), not_after = now() + interval '1 hour'`);
    const rotated = await loadKeyring(database, masterKey);
    expect(rotated.issuerKey.id).not.toBe(old.issuerKey.id);
    expect([...rotated.issuerKeys.keys()].sort()).toEqual([old.issuerKey.id, rotated.issuerKey.id].sort());
    expect(rotated.accessTokenKeys.map((key) => key.id)).toContain(old.accessTokenKey.id);
    expect(rotated.accessTokenKey.id).not.toBe(old.accessTokenKey.id);

    expect(toJwks(rotated, Date.now()).keys).toHaveLength(2);
    expect(toJwks(rotated, Date.now() + 7_200_000).keys.map((key) => key.kid)).toEqual([rotated.issuerKey.id]);
    await database.query(
      `update signing_keys set not_after = now() - interval '1 second' where retired_at is not null`,
    );
    expect((await loadKeyring(database, masterKey)).issuerKeys.size).toBe(1);
  });

  it('shows its public half as a set that jose reads', async () => {
    const keyring = await loadKeyring(database, masterKey);
    const jwks = toJwks(keyring, Date.now());
    expect(jwks.keys).toEqual([
      { ...keyring.issuerKey.publicJwk, kid: keyring.issuerKey.id, alg: 'EdDSA', use: 'sig' },
    ]);
    const key = await createLocalJWKSet(jwks)({ alg: 'EdDSA', kid: keyring.issuerKey.id });
    expect(key.type).toBe('public');
  });
});
