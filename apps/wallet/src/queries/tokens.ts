import { statement, type Statement } from '@dunlin/postgres';
import type { Queryable } from '../ledger/queryable.js';

export const tokenStatuses = ['active', 'spent', 'redeemed', 'expired', 'divided'] as const;
export type TokenStatus = (typeof tokenStatuses)[number];

/** A token as the ledger knows it; `compact` is the signed form that its owner's device keeps. */
export interface StoredToken {
  id: string;
  userId: string;
  amount: bigint;
  currency: string;
  status: TokenStatus;
  keyId: string;
  deviceKeyId: string | null;
  issuedAt: Date;
  expiresAt: Date;
  compact: string;
}

interface TokenRow {
  id: string;
  user_id: string;
  amount: bigint;
  currency: string;
  status: TokenStatus;
  key_id: string;
  device_key_id: string | null;
  issued_at: Date;
  expires_at: Date;
  compact: string;
}

const columns = 'id, user_id, amount, currency, status, key_id, device_key_id, issued_at, expires_at, compact';

export const activeTokensStatement = statement(
  'active_tokens',
  `select ${columns} from tokens where user_id = $1 and status = 'active' and expires_at > now() order by expires_at, id limit $2`,
  { readOnly: true },
);
export const tokensPageStatement = statement(
  'tokens_page',
  `select ${columns} from tokens where user_id = $1 and ($2::text is null or status = $2) and ($3::uuid is null or id < $3) order by id desc limit $4`,
  { readOnly: true },
);
const tokenStatement = statement('token_by_id', `select ${columns} from tokens where id = $1`, { readOnly: true });
const openedTokensStatement = statement(
  'tokens_of_purchase',
  `select ${columns} from tokens where opening_transaction_id = $1 order by id`,
  { readOnly: true },
);
const tokensByIdsStatement = statement(
  'tokens_by_ids',
  `select ${columns} from tokens where id = any($1) order by array_position($1, id)`,
  { readOnly: true },
);
export const lapsedTokensStatement = statement(
  'lapsed_tokens',
  `select id from tokens where status = 'active' and expires_at <= now() - make_interval(secs => $1) order by expires_at limit $2`,
  { readOnly: true },
);

/** A user's active, unexpired tokens, the first to expire first; at most `limit`. */
export const readActiveTokens = (database: Queryable, userId: string, limit: number): Promise<StoredToken[]> =>
  readTokens(database, activeTokensStatement, [userId, limit]);

/** A user's tokens, newest first, one more than asked for when there are more; `afterId` is the last one seen. */
export const readTokensPage = (
  database: Queryable,
  userId: string,
  options: { status: TokenStatus | null; afterId: string | null; limit: number },
): Promise<StoredToken[]> =>
  readTokens(database, tokensPageStatement, [userId, options.status, options.afterId, options.limit + 1]);

export async function readToken(database: Queryable, id: string): Promise<StoredToken | undefined> {
  return (await readTokens(database, tokenStatement, [id]))[0];
}

/** The tokens that a purchase made, whatever became of them since. */
export const readTokensOfPurchase = (database: Queryable, transactionId: string): Promise<StoredToken[]> =>
  readTokens(database, openedTokensStatement, [transactionId]);

/** Tokens by their ids, in the order of these; those that are not there are left out. */
export const readTokensByIds = (database: Queryable, ids: readonly string[]): Promise<StoredToken[]> =>
  readTokens(database, tokensByIdsStatement, [ids]);

/** Ids of tokens that are still active `graceSeconds` after their expiry, the oldest first, from `idx_tokens_pending_expiration`. */
export async function readLapsedTokenIds(database: Queryable, graceSeconds: number, limit: number): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(lapsedTokensStatement, [graceSeconds, limit]);
  return rows.map((row) => row.id);
}

async function readTokens(database: Queryable, statement: Statement, values: unknown[]): Promise<StoredToken[]> {
  const { rows } = await database.query<TokenRow>(statement, values);
  return rows.map((row) => ({
    id: row.id,
    userId: row.user_id,
    amount: row.amount,
    currency: row.currency,
    status: row.status,
    keyId: row.key_id,
    deviceKeyId: row.device_key_id,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
    compact: row.compact,
  }));
}
