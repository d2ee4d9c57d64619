import { lockSigningKeys, unwrapKeyring } from './keyring.js';
import type { MasterKey } from './master-key.js';
import type { Queryable, TransactionalDatabase } from './queryable.js';
import { insertIssuerKey, readSigningKeys, type SigningKeyRow } from './signing-keys.js';

/** An issuer key as operators see it. */
export interface IssuerKeyState {
  id: string;
  /** `next` is published and will sign; `retired` signs no more and still verifies; `revoked` was given up at once. */
  state: 'next' | 'signing' | 'retired' | 'revoked';
  createdAt: Date;
  signsFrom: Date;
  verifiesUntil: Date | null;
}

export interface RotationOptions {
  /** How long the new key is published before it signs; 0 for a key that was compromised. */
  leadSeconds: number;
  /** How long the key before still verifies after that: at least as long as a token can be presented. */
  overlapSeconds: number;
}

export type RotationOutcome =
  | { kind: 'rotated'; keyId: string; previousKeyId: string }
  /** The key before last has not signed yet: rotating again would shorten its lead. */
  | { kind: 'under_way'; keyId: string };

export type RevocationOutcome =
  /** `replacement`: the key that signs instead, from now on, when the revoked one did. */
  { kind: 'revoked'; replacement: string | undefined } | { kind: 'no_key' } | { kind: 'revoked_before' };

/**
 * Makes the issuer's next key. It is published at once and signs after the lead, when the key before is retired; that goes on verifying for
 * the overlap. Running instances follow within two seconds.
 * @throws KeyringError when the master key does not open the keys that are there.
 */
export async function rotateIssuerKey(
  database: TransactionalDatabase,
  masterKey: MasterKey,
  { leadSeconds, overlapSeconds }: RotationOptions,
): Promise<RotationOutcome> {
  return database.transaction(async (transaction): Promise<RotationOutcome> => {
    const issuer = await lockedIssuerKeys(transaction, masterKey);
    const next = issuer.find((row) => !row.signs && !row.retired);
    if (next !== undefined) return { kind: 'under_way', keyId: next.id };
    const current = issuer.find((row) => !row.retired) as SigningKeyRow;
    await transaction.query(
      `update signing_keys set retired_at = now() + make_interval(secs => $2), not_after = now() + make_interval(secs => $2 + $3)
        where id = $1`,
      [current.id, leadSeconds, overlapSeconds],
    );
    const keyId = await insertIssuerKey(transaction, masterKey, leadSeconds);
    return { kind: 'rotated', keyId, previousKeyId: current.id };
  });
}

/**
 * Gives an issuer key up at once, because somebody else may have it: nothing that it signed verifies any more, here and on every device
 * that has fetched the public keys since. When it was the key that signs, another takes its place in the same commit. Tokens that are
 * out keep their worth: their owners bring them back by what the ledger wrote down.
 */
export async function revokeIssuerKey(
  database: TransactionalDatabase,
  masterKey: MasterKey,
  keyId: string,
): Promise<RevocationOutcome> {
  return database.transaction(async (transaction): Promise<RevocationOutcome> => {
    const issuer = await lockedIssuerKeys(transaction, masterKey);
    const { rows } = await transaction.query<{ isActive: boolean }>(
      `select is_active as "isActive" from public_keys where id = $1 and type = 'issuer'`,
      [keyId],
    );
    if (rows[0] === undefined) return { kind: 'no_key' };
    if (!rows[0].isActive) return { kind: 'revoked_before' };
    const revoked = issuer.find((row) => row.id === keyId);
    await transaction.query(
      `update signing_keys set retired_at = least(retired_at, now()), not_after = least(not_after, now()) where id = $1`,
      [keyId],
    );
    await transaction.query('update public_keys set is_active = false, revoked_at = now() where id = $1', [keyId]);
    return { kind: 'revoked', replacement: await replace(transaction, masterKey, issuer, revoked) };
  });
}

/** The newest first; at most 100. */
export async function readIssuerKeys(database: Queryable): Promise<IssuerKeyState[]> {
  const { rows } = await database.query<IssuerKeyState>(
    `select k.id, k.created_at as "createdAt", s.signs_from as "signsFrom", s.not_after as "verifiesUntil",
            case when not k.is_active then 'revoked'
                 when s.retired_at <= now() then 'retired'
                 when s.signs_from > now() then 'next'
                 else 'signing' end as state
       from signing_keys s join public_keys k on k.id = s.id
      where s.purpose = 'issuer' order by s.created_at desc, s.id limit 100`,
  );
  return rows;
}

async function lockedIssuerKeys(transaction: Queryable, masterKey: MasterKey): Promise<SigningKeyRow[]> {
  await lockSigningKeys(transaction);
  const rows = await readSigningKeys(transaction);
  // A key that this master key does not open beside those that others opened would split the fleet.
  unwrapKeyring(rows, masterKey);
  return rows.filter((row) => row.purpose === 'issuer');
}

/** Nobody waits for a lead when the key that signs is gone: the next one signs now, or a new one does. */
async function replace(
  transaction: Queryable,
  masterKey: MasterKey,
  issuer: readonly SigningKeyRow[],
  revoked: SigningKeyRow | undefined,
): Promise<string | undefined> {
  const others = issuer.filter((row) => row !== revoked && !row.retired);
  if (revoked === undefined || (!revoked.signs && revoked.retired)) return undefined;
  const next = others[0];
  if (next === undefined) return insertIssuerKey(transaction, masterKey);
  if (revoked.signs) await transaction.query('update signing_keys set signs_from = now() where id = $1', [next.id]);
  return next.id;
}
