import { statement } from '@dunlin/postgres';
import type { AuditOrigin } from '../audit/audit-log.js';
import type { TransactionalDatabase } from '../keys/queryable.js';
import { sumAmounts, type AmountMinor } from '../ledger/money.js';
import { refusalCodes, type Idempotency, type OperationOutcome, type RefusalCode } from '../ledger/operation.js';
import { activeDeviceKeyId } from './device-key.js';
import { presentedToken } from './presented-token.js';
import type { TokenIssuer } from './token-issuer.js';
import { readTokensByIds, type StoredToken } from '../queries/tokens.js';
import type { TokenVerifyingKeys } from './token-signature.js';

export interface Division {
  userId: string;
  /** The token in its signed compact form. */
  token: string;
  /** What each part is worth; they sum to the token. */
  amounts: readonly AmountMinor[];
  idempotency: Idempotency;
  /** From where and with what the owner asks: what the audit log keeps. */
  origin?: Omit<AuditOrigin, 'actorId'>;
}

export type DivisionOutcome =
  | { kind: 'completed'; replayed: boolean; parentId: string; tokens: Omit<StoredToken, 'userId' | 'deviceKeyId'>[] }
  | { kind: 'invalid'; path: string; reason: string }
  /** The text is no token of this issuer. */
  | { kind: 'no_token'; path: string; reason: string }
  | Extract<OperationOutcome, { kind: 'refused' }>;

export interface TokenDivisionOptions {
  database: TransactionalDatabase;
  issuer: TokenIssuer;
  keyring: { readonly issuerKeys: TokenVerifyingKeys };
  clock: { wallMs(): number };
}

interface DivideRow {
  outcome: string;
  child_ids: string[];
}

export const mostPartsOfDivision = 100;

const divideStatement = statement(
  'tokens_divide',
  'select outcome, child_ids from tokens_divide($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)',
);

/**
 * Divides a token of the caller's into others with its expiry, for the device that the caller uses now. The parts exist, and the whole is
 * gone, in one commit; redemption, refund and sync of the same token exclude it.
 */
export async function divideToken(options: TokenDivisionOptions, division: Division): Promise<DivisionOutcome> {
  const { database, issuer, keyring, clock } = options;
  const { userId, amounts, idempotency, origin } = division;
  const presented = await presentedToken(database, keyring.issuerKeys, division.token, clock.wallMs());
  if (presented.kind === 'refused') return { kind: 'no_token', path: '/token', reason: presented.reason };
  const { id, amountMinor, expiresAtMs } = presented.fields;
  if (sumAmounts(amounts) !== amountMinor) {
    const reason = `sum to ${sumAmounts(amounts)}, not to the token's amount ${amountMinor}`;
    return { kind: 'invalid', path: '/amounts', reason };
  }
  const deviceKeyId = await activeDeviceKeyId(database, userId);
  const life = { issuedAtMs: clock.wallMs(), expiresAtMs };
  const parts = amounts.map((amount) => issuer.issue({ amount, ...life, deviceKeyId, parentId: id }));
  const [first] = parts;
  if (first === undefined) return { kind: 'invalid', path: '/amounts', reason: 'must name at least one amount' };
  const row = await database.transaction(async (transaction) => {
    const { rows } = await transaction.query<DivideRow>(divideStatement, [
      userId,
      idempotency.key,
      idempotency.requestHash,
      id,
      parts.map((part) => part.id),
      amounts.map(String),
      parts.map(({ compact }) => compact),
      first.keyId,
      deviceKeyId,
      first.issuedAt,
      origin?.address ?? null,
      origin?.userAgent ?? null,
      origin?.correlationId ?? null,
    ]);
    return rows[0] as DivideRow;
  });
  return readOutcome(database, row, id);
}

async function readOutcome(
  database: TransactionalDatabase,
  row: DivideRow,
  parentId: string,
): Promise<DivisionOutcome> {
  const replayed = row.outcome.startsWith('replayed');
  if (row.outcome === 'completed' || row.outcome === 'replayed') {
    // As they were made, whatever became of them since.
    const made = await readTokensByIds(database, row.child_ids);
    return { kind: 'completed', replayed, parentId, tokens: made.map((token) => ({ ...token, status: 'active' })) };
  }
  const code = (replayed ? row.outcome.slice('replayed:'.length) : row.outcome) as RefusalCode;
  if (!refusalCodes.includes(code)) throw new TypeError(`tokens_divide answered with an unknown outcome: ${code}`);
  const names = code === 'token_not_active' || code === 'token_not_found';
  return { kind: 'refused', replayed, code, ...(names ? { tokenIds: [parentId] } : {}) };
}
