import { randomBytes } from 'node:crypto';
import type { Database } from '@dunlin/postgres';
import type { TestDatabase } from '@dunlin/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { KeyringError, loadKeyring } from '../../src/keys/keyring.js';
import { toJwks } from '../../src/keys/jwks.js';
import { LiveKeyring } from '../../src/keys/live-keyring.js';
import { parseMasterKey } from '../../src/keys/master-key.js';
import { readIssuerKeys, revokeIssuerKey, rotateIssuerKey } from '../../src/keys/rotate-issuer-key.js';
import { signToken, verifyToken } from '../../src/tokens/token-signature.js';
import { createWalletDatabase, openDatabase } from '../support/database.js';

const masterKey = parseMasterKey(randomBytes(32).toString('hex'));
const silent = { info: () => {}, warn: () => {} };
let testDatabase: TestDatabase;
let database: Database;
let keyring: LiveKeyring;

beforeEach(async () => {
  testDatabase = await createWalletDatabase();
  database = openDatabase(testDatabase.url);
  keyring = await LiveKeyring.open({ database, masterKey, logger: silent });
  return async () => {
    await keyring.stop();
    await database.close();
    await testDatabase.close();
  };
});

const published = async (): Promise<{ id: string; isActive: boolean }[]> =>
  (
    await database.query<{ id: string; isActive: boolean }>(
      `select id, is_active as "isActive" from public_keys where type = 'issuer' order by version`,
    )
  ).rows;
/** Lets the time of the lead pass, for every key at once. */
const pass = (seconds: number) =>
  database.query(
    `update signing_keys set signs_from = signs_from - make_interval(secs => $1), retired_at = retired_at - make_interval(secs => $1),
            not_after = not_after - make_interval(secs => $1)`,
    [seconds],
  );
const states = async () => Object.fromEntries((await readIssuerKeys(database)).map(({ id, state }) => [id, state]));
const token = () => {
  const nowMs = Date.now();
  const fields = {
    id: '019a0000-0000-7000-8000-000000000001',
    amountMinor: 1n,
    currency: 'EUR',
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + 60_000,
  };
  return signToken({ ...fields, ownerKeyId: undefined, parentId: undefined, maxHops: 0 }, keyring.issuerKey);
};
const verdict = (compact: string) => verifyToken(compact, keyring.issuerKeys, Date.now()).kind;

describe('a rotation', () => {
  test('publishes the next key, lets it sign after the lead, and the one before verify for the overlap', async () => {
    const before = keyring.issuerKey.id;
    const old = token();
    const outcome = await rotateIssuerKey(database, masterKey, { leadSeconds: 600, overlapSeconds: 3_600 });
    expect(outcome).toMatchObject({ kind: 'rotated', previousKeyId: before });
    const next = outcome.keyId;
    await keyring.refresh();
    expect(keyring.issuerKey.id).toBe(before);
    expect(
      toJwks(keyring, Date.now())
        .keys.map(({ kid }) => kid)
        .sort(),
    ).toEqual([before, next].sort());
    expect((await published()).map(({ id }) => id)).toEqual([before, next]);
    expect(await states()).toEqual({ [before]: 'signing', [next]: 'next' });

    await pass(601);
    await keyring.refresh();
    expect(keyring.issuerKey.id).toBe(next);
    expect(await states()).toEqual({ [before]: 'retired', [next]: 'signing' });
    expect([verdict(old), verdict(token())]).toEqual(['ok', 'ok']);

    await pass(3_600);
    await keyring.refresh();
    expect([verdict(old), verdict(token())]).toEqual(['unknown_key', 'ok']);
    expect(toJwks(keyring, Date.now()).keys.map(({ kid }) => kid)).toEqual([next]);
  });

  test('is not begun twice: of many at once one makes a key', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => rotateIssuerKey(database, masterKey, { leadSeconds: 600, overlapSeconds: 60 })),
    );
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['rotated', ...Array<string>(4).fill('under_way')]);
    expect(await published()).toHaveLength(2);
  });

  test('is refused with another master key, and nothing is made', async () => {
    const other = parseMasterKey(randomBytes(32).toString('hex'));
    const rotation = rotateIssuerKey(database, other, { leadSeconds: 0, overlapSeconds: 60 });
    await expect(rotation).rejects.toThrow(KeyringError);
    expect(await published()).toHaveLength(1);
  });
});

describe('a revocation', () => {
  test('of the key that signs puts another in its place at once', async () => {
    const before = keyring.issuerKey.id;
    const old = token();
    const outcome = await revokeIssuerKey(database, masterKey, before);
    await keyring.refresh();
    expect(outcome).toEqual({ kind: 'revoked', replacement: keyring.issuerKey.id });
    expect(keyring.issuerKey.id).not.toBe(before);
    expect([verdict(old), verdict(token())]).toEqual(['unknown_key', 'ok']);
    expect(toJwks(keyring, Date.now()).keys.map(({ kid }) => kid)).toEqual([keyring.issuerKey.id]);
    expect(await states()).toEqual({ [before]: 'revoked', [keyring.issuerKey.id]: 'signing' });
    expect((await published()).find(({ id }) => id === before)?.isActive).toBe(false);
    expect(await revokeIssuerKey(database, masterKey, before)).toEqual({ kind: 'revoked_before' });
    expect(await revokeIssuerKey(database, masterKey, 'x'.repeat(43))).toEqual({ kind: 'no_key' });
  });

  test('of the key that signs lets the next one sign without its lead', async () => {
    const before = keyring.issuerKey.id;
    const { keyId: next } = await rotateIssuerKey(database, masterKey, { leadSeconds: 600, overlapSeconds: 60 });
    expect(await revokeIssuerKey(database, masterKey, before)).toEqual({ kind: 'revoked', replacement: next });
    await keyring.refresh();
    expect(keyring.issuerKey.id).toBe(next);
    expect([...keyring.issuerKeys.keys()]).toEqual([next]);
  });

  test('of the next key leaves the one that signs, and a new one follows it', async () => {
    const before = keyring.issuerKey.id;
    const { keyId: next } = await rotateIssuerKey(database, masterKey, { leadSeconds: 600, overlapSeconds: 60 });
    const outcome = await revokeIssuerKey(database, masterKey, next);
    await keyring.refresh();
    expect(keyring.issuerKey.id).toBe(before);
    await pass(601);
    await keyring.refresh();
    expect(outcome).toEqual({ kind: 'revoked', replacement: keyring.issuerKey.id });
  });

  test('of a retired key touches no other', async () => {
    const before = keyring.issuerKey.id;
    const { keyId: next } = await rotateIssuerKey(database, masterKey, { leadSeconds: 0, overlapSeconds: 3_600 });
    await pass(1);
    expect(await revokeIssuerKey(database, masterKey, before)).toEqual({ kind: 'revoked', replacement: undefined });
    await keyring.refresh();
    expect([...keyring.issuerKeys.keys()]).toEqual([next]);
  });
});

test('a running instance follows by itself, and a restart finds the same', async () => {
  keyring.start();
  const { keyId: next } = await rotateIssuerKey(database, masterKey, { leadSeconds: 0, overlapSeconds: 3_600 });
  await expect.poll(() => keyring.issuerKey.id, { timeout: 20_000 }).toBe(next);
  expect((await loadKeyring(database, masterKey)).issuerKey.id).toBe(next);
});

test('while the keys cannot be read they stay as they were, and one line says so', async () => {
  const warnings: string[] = [];
  const logger = { info: () => {}, warn: (_: object, message: string) => void warnings.push(message) };
  const broken = openDatabase(testDatabase.url);
  const following = await LiveKeyring.open({ database: broken, masterKey, logger });
  await broken.close();
  await following.refresh();
  await following.refresh();
  expect(following.issuerKey.id).toBe(keyring.issuerKey.id);
  expect(warnings).toHaveLength(1);
});
