import { DatabaseError, statement } from '@dunlin/postgres';
import { auditInsert, auditValues, type AuditOrigin } from '../audit/audit-log.js';
import { parseDeviceJwk, type Ed25519PublicJwk, type Thumbprint } from '../keys/jwk.js';
import type { TransactionalDatabase } from '../keys/queryable.js';

/** A device's key as its user sees it. */
export interface DeviceKey {
  id: Thumbprint;
  jwk: Ed25519PublicJwk;
  createdAt: Date;
}

export type DeviceAddition =
  | { kind: 'added'; key: DeviceKey }
  /** The user holds this key already; nothing was done. */
  | { kind: 'present'; key: DeviceKey }
  | { kind: 'invalid'; /** A JSON pointer below the key. */ path: string; reason: string }
  /** It is another user's, or was revoked: a key that was given up must never sign again. */
  | { kind: 'device_key_taken' }
  | { kind: 'too_many_devices' };

/** Active keys of one user. */
export const maxDevices = 20;

const lockUser = statement('device_lock_user', 'select from users where id = $1 for update');

const activeKeys = statement(
  'device_active_keys',
  `select id, jwk, created_at as "createdAt" from public_keys where user_id = $1 and is_active`,
);

const insertKey = statement(
  'device_insert_key',
  `with added as (
     insert into public_keys (id, type, user_id, jwk) values ($1, 'user', $2, $3::jsonb) returning id, user_id, jwk, created_at
   ), logged as (${auditInsert({ from: 'added', user: 'added.user_id', detail: keyDetail('added'), first: 4 })})
   select id, jwk, created_at as "createdAt" from added`,
);

const revokeKey = statement(
  'device_revoke_key',
  `with revoked as (
     update public_keys set is_active = false, revoked_at = now() where id = $1 and user_id = $2 and is_active returning id, user_id
   ), logged as (${auditInsert({ from: 'revoked', user: 'revoked.user_id', detail: keyDetail('revoked'), first: 3 })})
   select id from revoked`,
);

const holdsKey = statement('device_holds_key', 'select from public_keys where id = $1 and user_id = $2', {
  readOnly: true,
});

function keyDetail(from: string): string {
  return `jsonb_build_object('keyId', ${from}.id)`;
}

/** Adds the key of another device. The user's row is locked, so that two additions count each other. */
export async function addDevice(
  database: TransactionalDatabase,
  userId: string,
  devicePublicKey: unknown,
  origin: AuditOrigin,
): Promise<DeviceAddition> {
  const parsing = parseDeviceJwk(devicePublicKey);
  if (parsing.kind === 'invalid') {
    return { kind: 'invalid', path: parsing.member === '' ? '' : `/${parsing.member}`, reason: parsing.reason };
  }
  try {
    return await database.transaction(async (transaction): Promise<DeviceAddition> => {
      await transaction.query(lockUser, [userId]);
      const { rows: held } = await transaction.query<DeviceKey>(activeKeys, [userId]);
      const present = held.find((key) => key.id === parsing.thumbprint);
      if (present !== undefined) return { kind: 'present', key: present };
      if (held.length >= maxDevices) return { kind: 'too_many_devices' };
      const audit = auditValues({ action: 'device.add', origin });
      const values = [parsing.thumbprint, userId, JSON.stringify(parsing.jwk), ...audit];
      const { rows } = await transaction.query<DeviceKey>(insertKey, values);
      if (rows[0] === undefined) throw new Error('an inserted key was not returned');
      return { kind: 'added', key: rows[0] };
    });
  } catch (error) {
    if (error instanceof DatabaseError && error.constraint === 'public_keys_pkey') return { kind: 'device_key_taken' };
    throw error;
  }
}

/** Gives a key up for good. False when the user never held it; revoking twice is the same as once. */
export async function revokeDevice(
  database: TransactionalDatabase,
  userId: string,
  keyId: string,
  origin: AuditOrigin,
): Promise<boolean> {
  const { rowCount } = await database.query(revokeKey, [
    keyId,
    userId,
    ...auditValues({ action: 'device.revoke', origin }),
  ]);
  if (rowCount > 0) return true;
  const { rows } = await database.query(holdsKey, [keyId, userId]);
  return rows.length > 0;
}
