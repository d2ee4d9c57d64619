import { createPrivateKey, type KeyObject } from 'node:crypto';
import { toKeyObject, type Ed25519PublicJwk, type Thumbprint } from './jwk.js';
import type { MasterKey } from './master-key.js';
import { insertMissingKeys, readSigningKeys, type SigningKeyRow } from './signing-keys.js';
import type { Queryable, TransactionalDatabase } from './queryable.js';
import { unwrapSecret } from './wrapping.js';

/** One shared secret for access tokens. */
export interface AccessTokenKey {
  readonly id: string;
  readonly secret: Buffer;
}

/** The key that signs offline tokens. */
export interface IssuerKey {
  readonly id: Thumbprint;
  readonly privateKey: KeyObject;
  readonly publicJwk: Ed25519PublicJwk;
}

/** A key that still verifies; after `notAfterMs` (Unix time) it does no longer. */
export interface VerifyingKey {
  readonly id: Thumbprint;
  readonly publicKey: KeyObject;
  readonly publicJwk: Ed25519PublicJwk;
  readonly notAfterMs: number | undefined;
}

/** The wallet's own keys, unwrapped, as they were when they were read. */
export interface Keyring {
  /** Signs new access tokens. */
  readonly accessTokenKey: AccessTokenKey;
  /** Every key that access tokens in circulation may carry, the signing one included. */
  readonly accessTokenKeys: readonly AccessTokenKey[];
  readonly issuerKey: IssuerKey;
  readonly issuerKeys: ReadonlyMap<string, VerifyingKey>;
}

/** The keys in the database cannot be used with what this instance was given. The message is meant for whoever starts the wallet. */
export class KeyringError extends Error {
  override readonly name = 'KeyringError';

  constructor(
    readonly code: 'wrong_master_key' | 'signing_key_damaged',
    message: string,
  ) {
    super(message);
  }
}

/**
 * Reads the keys that all instances share, and makes them at the first start. One query when they exist.
 * Throws `KeyringError` when the master key is another one than the keys were wrapped with.
 */
export async function loadKeyring(database: TransactionalDatabase, masterKey: MasterKey): Promise<Keyring> {
  return unwrapKeyring(await loadSigningKeys(database, masterKey), masterKey);
}

/** The rows behind a keyring, made at the first start. */
export async function loadSigningKeys(database: TransactionalDatabase, masterKey: MasterKey): Promise<SigningKeyRow[]> {
  const existing = await readSigningKeys(database);
  return isComplete(existing) ? existing : database.transaction((transaction) => createMissing(transaction, masterKey));
}

/**
 * Instances that start together meet at the lock; the second finds what the first made, because each statement under READ COMMITTED
 * sees what was committed before it began, and the lock is released only after the commit.
 */
async function createMissing(transaction: Queryable, masterKey: MasterKey): Promise<SigningKeyRow[]> {
  await lockSigningKeys(transaction);
  const existing = await readSigningKeys(transaction);
  // A new key beside one that this master key does not open would split the fleet: refuse before anything is written.
  for (const row of existing) unwrapRow(row, masterKey);
  await insertMissingKeys(transaction, masterKey, existing);
  return readSigningKeys(transaction);
}

/** Whoever makes, retires or revokes a signing key does so alone, until the end of the transaction. */
export async function lockSigningKeys(transaction: Queryable): Promise<void> {
  await transaction.query(`select pg_advisory_xact_lock(hashtextextended('dunlin.signing_keys', 0))`);
}

function isComplete(rows: readonly SigningKeyRow[]): boolean {
  return (['access_token', 'issuer'] as const).every((purpose) =>
    rows.some((row) => row.purpose === purpose && !row.retired),
  );
}

/** @throws KeyringError */
export function unwrapKeyring(rows: readonly SigningKeyRow[], masterKey: MasterKey): Keyring {
  const accessRows = rows.filter((row) => row.purpose === 'access_token');
  const accessTokenKeys = accessRows.map((row) => ({ id: row.id, secret: unwrapRow(row, masterKey) }));
  const issuerRows = rows.filter((row) => row.purpose === 'issuer');
  const signingAccess = accessTokenKeys[accessRows.findIndex((row) => row.signs)];
  const signingIssuer = issuerRows.find((row) => row.signs);
  if (signingAccess === undefined || signingIssuer === undefined)
    throw new Error('no key signs for one of the purposes, after one was made for each');
  return Object.freeze({
    accessTokenKey: signingAccess,
    accessTokenKeys,
    issuerKey: toIssuerKey(signingIssuer, masterKey),
    issuerKeys: new Map(issuerRows.map((row) => [row.id, toVerifyingKey(row)])),
  });
}

function toIssuerKey(row: SigningKeyRow, masterKey: MasterKey): IssuerKey {
  const privateKey = createPrivateKey({ key: unwrapRow(row, masterKey), format: 'der', type: 'pkcs8' });
  return { id: row.id as Thumbprint, privateKey, publicJwk: publicJwkOf(row) };
}

function toVerifyingKey(row: SigningKeyRow): VerifyingKey {
  const publicJwk = publicJwkOf(row);
  return {
    id: row.id as Thumbprint,
    publicKey: toKeyObject(publicJwk),
    publicJwk,
    notAfterMs: row.notAfter?.getTime(),
  };
}

function publicJwkOf(row: SigningKeyRow): Ed25519PublicJwk {
  if (row.publicJwk === null)
    throw new KeyringError('signing_key_damaged', `The issuer key ${row.id} has no public part.`);
  return { kty: 'OKP', crv: 'Ed25519', x: row.publicJwk.x };
}

function unwrapRow(row: SigningKeyRow, masterKey: MasterKey): Buffer {
  const unwrapping = unwrapSecret(masterKey, row.wrappedSecret, row.associatedText);
  switch (unwrapping.kind) {
    case 'ok':
      return unwrapping.secret;
    case 'other_master_key':
      throw new KeyringError(
        'wrong_master_key',
        'The signing keys in this database were wrapped with another master key. Start with the MASTER_KEY (or, embedded, the key file) that was used before.',
      );
    case 'damaged':
      throw new KeyringError(
        'signing_key_damaged',
        `The signing key ${row.id} is damaged: it does not open with its master key.`,
      );
  }
}
