import type { Transaction } from '../ledger/transaction.js';
import type { UserBalance } from '../queries/balance.js';
import type { StoredToken } from '../queries/tokens.js';
import type { PresentedBalance, PresentedToken, PresentedTransaction } from './schemas.js';

/** Answers as the contract has them: money as a string of minor units, times as ISO 8601 UTC with milliseconds. */
export const presentTransaction = (transaction: Transaction): PresentedTransaction => ({
  ...transaction,
  amount: transaction.amount.toString(),
  createdAt: transaction.createdAt.toISOString(),
  completedAt: transaction.completedAt?.toISOString() ?? null,
  metadata: forItsParties(transaction.metadata),
});

/** Which operator brought money in is kept with the transaction, and is no business of its receiver. */
function forItsParties(metadata: Transaction['metadata']): Transaction['metadata'] {
  if (metadata === null) return null;
  const { operatorId: _, ...told } = metadata;
  return told;
}

export const presentBalance = (balance: UserBalance): PresentedBalance => ({
  userId: balance.userId,
  currency: balance.currency,
  available: balance.available.toString(),
  offline: balance.offline.toString(),
  pending: balance.pending.toString(),
  total: balance.total.toString(),
  version: Number(balance.version),
  asOf: balance.asOf.toISOString(),
});

/**
 * Stands for all of a balance but `asOf`, so that one that was read again and found unchanged is still the client's own. What expires
 * changes no version, hence the sums; the user's id keeps equal balances of two people apart in a client that serves both.
 */
export const balanceTag = ({
  userId,
  version,
  offline,
  pending,
}: Pick<UserBalance, 'userId' | 'version' | 'offline' | 'pending'>): string =>
  `W/"${userId}.${version}.${offline}.${pending}"`;

export const presentToken = (token: Omit<StoredToken, 'userId' | 'deviceKeyId'>): PresentedToken => ({
  id: token.id,
  amount: token.amount.toString(),
  currency: token.currency,
  status: token.status,
  keyId: token.keyId,
  issuedAt: token.issuedAt.toISOString(),
  expiresAt: token.expiresAt.toISOString(),
  token: token.compact,
});
