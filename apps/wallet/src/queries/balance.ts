import { statement } from '@dunlin/postgres';
import type { Queryable } from '../ledger/queryable.js';

/** A user's money in minor units. `total` = `available` + `offline` + `pending`. */
export interface UserBalance {
  userId: string;
  currency: string;
  /** What can be spent now. */
  available: bigint;
  /** The sum of active, unexpired tokens. */
  offline: bigint;
  /** Laid aside by holds, plus tokens past their expiry that are not refunded yet. */
  pending: bigint;
  total: bigint;
  /** Grows with every change of the account. */
  version: bigint;
  asOf: Date;
  /** When the first token that counts as offline expires; a kept copy of this balance is wrong from then on. */
  nextExpiryAt: Date | null;
}

export interface BalanceRow {
  currency: string;
  balance: bigint;
  held: bigint;
  version: bigint;
  as_of: Date;
  offline: bigint | null;
  lapsed: bigint | null;
  next_expiry_at: Date | null;
}

/** One statement, one snapshot: the account row by its key, the tokens from `idx_tokens_active_user` alone. A `where` follows. */
export const balanceColumns = `
    select a.id, a.currency, a.balance, a.held, a.version, now() as as_of, t.offline, t.lapsed, t.next_expiry_at
      from accounts a
      left join lateral (
        select sum(amount) filter (where expires_at > now())::bigint as offline,
               sum(amount) filter (where expires_at <= now())::bigint as lapsed,
               min(expires_at) filter (where expires_at > now()) as next_expiry_at
          from tokens where user_id = a.id and status = 'active'
      ) t on true`;

export const balanceStatement = statement(
  'user_balance',
  `${balanceColumns}
     where a.id = $1 and a.kind = 'user'`,
  { readOnly: true },
);

/** The balance of `userId`, or `undefined` when there is no such account. Cost does not depend on how many transactions exist. */
export async function readUserBalance(database: Queryable, userId: string): Promise<UserBalance | undefined> {
  const { rows } = await database.query<BalanceRow>(balanceStatement, [userId]);
  const row = rows[0];
  return row && balanceOf(userId, row);
}

/** What the row of `userId` says. */
export function balanceOf(userId: string, row: BalanceRow): UserBalance {
  const offline = row.offline ?? 0n;
  const pending = row.held + (row.lapsed ?? 0n);
  const available = row.balance - row.held;
  return {
    userId,
    currency: row.currency,
    available,
    offline,
    pending,
    total: available + offline + pending,
    version: row.version,
    asOf: row.as_of,
    nextExpiryAt: row.next_expiry_at,
  };
}
