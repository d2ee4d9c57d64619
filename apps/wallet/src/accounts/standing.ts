import { statement } from '@dunlin/postgres';
import type { Queryable } from '../keys/queryable.js';
import type { User } from './user.js';

/** Frozen: may read, not move money. Deactivated: may do nothing, for good. */
export type StandingChange = 'freeze' | 'unfreeze' | 'deactivate';

export interface UserStanding extends User {
  /** Since when the user is frozen; null while it is not. */
  frozenAt: Date | null;
}

export type StandingOutcome =
  | { kind: 'changed'; user: UserStanding }
  | { kind: 'user_not_found' }
  /** Operators do not change their own standing: the last one would lock everybody out. */
  | { kind: 'own_account' };

const returning = `returning id, email, role, is_active as "isActive", created_at as "createdAt", frozen_at as "frozenAt"`;

/** Each is idempotent: a user that is frozen already stays frozen since then. */
const statements = {
  freeze: statement(
    'user_freeze',
    `update users set frozen_at = coalesce(frozen_at, now()) where id = $1 ${returning}`,
  ),
  unfreeze: statement('user_unfreeze', `update users set frozen_at = null where id = $1 ${returning}`),
  deactivate: statement('user_deactivate', `update users set is_active = false where id = $1 ${returning}`),
};

/**
 * Changes what a user may do. A trigger of the same statement closes or freezes the ledger account and tells every instance to forget
 * what it knew, so a payment either came before or is refused.
 */
export async function changeStanding(
  database: Queryable,
  change: StandingChange,
  userId: string,
  operatorId: string,
): Promise<StandingOutcome> {
  if (userId === operatorId) return { kind: 'own_account' };
  const { rows } = await database.query<UserStanding>(statements[change], [userId]);
  return rows[0] === undefined ? { kind: 'user_not_found' } : { kind: 'changed', user: rows[0] };
}
