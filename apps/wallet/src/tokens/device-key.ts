import type { Thumbprint } from '@dunlin/offline';
import { statement } from '@dunlin/postgres';
import type { Queryable } from '../ledger/queryable.js';

const activeDeviceKeyStatement = statement(
  'active_device_key',
  'select id from public_keys where user_id = $1 and is_active order by version desc limit 1',
  { readOnly: true },
);

/** The device key that new tokens of a user are bound to: the one that was added last; null for a user without one. */
export async function activeDeviceKeyId(database: Queryable, userId: string): Promise<Thumbprint | null> {
  const { rows } = await database.query<{ id: Thumbprint }>(activeDeviceKeyStatement, [userId]);
  return rows[0]?.id ?? null;
}
