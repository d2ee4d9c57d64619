import { statement, type Statement } from '@dunlin/postgres';
import { auditInsert, auditValues, type AuditOrigin } from '../audit/audit-log.js';
import type { Queryable } from '../keys/queryable.js';
import type { User } from './user.js';

/** Frozen: may read, not move money. Deactivated: may do nothing, until an operator lets them back in. */
export type StandingChange = 'freeze' | 'unfreeze' | 'deactivate' | 'reactivate';

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
  freeze: changing('user_freeze', 'frozen_at = coalesce(frozen_at, now())'),
  unfreeze: changing('user_unfreeze', 'frozen_at = null'),
  deactivate: changing('user_deactivate', 'is_active = false'),
  // The sessions and the access tokens that the deactivation ended stay ended; one who was frozen is frozen still.
  reactivate: changing('user_reactivate', 'is_active = true'),
};

/** The change and its line in the audit log are one statement. */
function changing(name: string, change: string): Statement {
  return statement(
    name,
    `with changed as (update users set ${change} where id = $1 ${returning}),
          logged as (${auditInsert({ from: 'changed', user: 'changed.id', first: 2 })})
     select * from changed`,
  );
}

/**
 * Changes what a user may do. A trigger of the same statement closes, freezes or opens the ledger account and tells every instance to forget
 * what it knew, so a payment either came before or is refused.
 */
export async function changeStanding(
  database: Queryable,
  change: StandingChange,
  userId: string,
  origin: AuditOrigin,
): Promise<StandingOutcome> {
  if (userId === origin.actorId) return { kind: 'own_account' };
  const event = { action: `user.${change}`, origin };
  const { rows } = await database.query<UserStanding>(statements[change], [userId, ...auditValues(event)]);
  return rows[0] === undefined ? { kind: 'user_not_found' } : { kind: 'changed', user: rows[0] };
}
