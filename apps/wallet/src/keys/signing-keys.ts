import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { thumbprintOf, type Ed25519PublicJwk, type Thumbprint } from './jwk.js';
import type { MasterKey } from './master-key.js';
import type { Queryable } from './queryable.js';
import { wrapSecret } from './wrapping.js';

export type SigningPurpose = 'access_token' | 'issuer';

/** A row of `signing_keys`, its secret still wrapped. */
export interface SigningKeyRow {
  id: string;
  purpose: SigningPurpose;
  wrappedSecret: Buffer;
  /** What the wrapping is bound to. */
  associatedText: string;
  publicJwk: Ed25519PublicJwk | null;
  /** A retired key signs nothing new, from now on or from a time that is set. */
  retired: boolean;
  /** Whether it signs now, by the database's clock, which all instances share: one key of each purpose does. */
  signs: boolean;
  notAfter: Date | null;
}

/**
 * All keys that sign, will sign or still verify, oldest first. The clock is the one of this moment, not of the transaction's begin: whoever
 * waited for the lock would else find that the keys which were made meanwhile do not sign yet.
 */
export async function readSigningKeys(database: Queryable): Promise<SigningKeyRow[]> {
  const { rows } = await database.query<Omit<SigningKeyRow, 'associatedText'>>(
    `select id, purpose, wrapped_secret as "wrappedSecret", public_jwk as "publicJwk", retired_at is not null as retired,
            signs_from <= clock_timestamp() and (retired_at is null or retired_at > clock_timestamp()) as signs, not_after as "notAfter"
       from signing_keys
      where not_after is null or not_after > clock_timestamp()
      order by created_at, id`,
  );
  return rows.map((row) => ({ ...row, associatedText: associatedTextOf(row.purpose, row.id) }));
}

/** Makes and stores a key for each purpose that has none to sign with. The caller holds the lock. */
export async function insertMissingKeys(
  database: Queryable,
  masterKey: MasterKey,
  existing: readonly SigningKeyRow[],
): Promise<void> {
  const isMissing = (purpose: SigningPurpose): boolean =>
    !existing.some((row) => row.purpose === purpose && !row.retired);
  if (isMissing('access_token')) await insertAccessTokenKey(database, masterKey);
  if (isMissing('issuer')) await insertIssuerKey(database, masterKey);
}

async function insertAccessTokenKey(database: Queryable, masterKey: MasterKey): Promise<void> {
  // The thumbprint of a shared secret would be a hash of that secret in every token's header; a random id says nothing.
  const id = randomUUID();
  const wrapped = wrapSecret(masterKey, randomBytes(32), associatedTextOf('access_token', id));
  await database.query(
    `insert into signing_keys (id, purpose, algorithm, wrapped_secret) values ($1, 'access_token', 'HS256', $2)`,
    [id, wrapped],
  );
}

/**
 * The issuer's key also enters the public-key database, where devices find it; it signs from `leadSeconds` on, so that
 * they have. Returns its id.
 */
export async function insertIssuerKey(database: Queryable, masterKey: MasterKey, leadSeconds = 0): Promise<Thumbprint> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const x = publicKey.export({ format: 'jwk' }).x ?? '';
  const jwk: Ed25519PublicJwk = { kty: 'OKP', crv: 'Ed25519', x };
  const id = thumbprintOf(jwk);
  const secret = privateKey.export({ format: 'der', type: 'pkcs8' });
  const wrapped = wrapSecret(masterKey, secret, associatedTextOf('issuer', id));
  await database.query(
    `with signing as (
       insert into signing_keys (id, purpose, algorithm, wrapped_secret, public_jwk, signs_from)
       values ($1, 'issuer', 'EdDSA', $2, $3, date_trunc('milliseconds', now()) + make_interval(secs => $4))
     )
     insert into public_keys (id, type, jwk) values ($1, 'issuer', $3)`,
    [id, wrapped, JSON.stringify(jwk), leadSeconds],
  );
  return id;
}

function associatedTextOf(purpose: SigningPurpose, id: string): string {
  return `dunlin signing key\0${purpose}\0${id}`;
}
