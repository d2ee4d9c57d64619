import { issuerStripe, worldStripe } from './system-accounts.js';
import type { Operation } from './operation.js';

/** One operation on its way into a batch, with the id that its transaction will have. */
export interface PreparedOperation {
  operation: Operation;
  transactionId: string;
}

/** Who pays and who is paid; a deposit is paid by the world, a purchase pays the issuer. */
export function parties(operation: Operation): { debit: string; credit: string } {
  switch (operation.type) {
    case 'online':
      return { debit: operation.senderId, credit: operation.receiverId };
    case 'deposit':
      return { debit: worldStripe(operation.userId), credit: operation.userId };
    case 'withdrawal':
      return { debit: operation.userId, credit: worldStripe(operation.userId) };
    case 'token_purchase':
      return { debit: operation.userId, credit: issuerStripe(operation.userId) };
    case 'token_redemption':
      return { debit: issuerStripe(operation.userId), credit: operation.userId };
  }
}

/**
 * The arguments of `ledger_execute` for a batch: accounts once each in ascending order (the order in which they are locked,
 * the same for every batch), items naming them by position.
 */
export function batchArguments(writer: string, currency: string, batch: readonly PreparedOperation[]): unknown[] {
  const sides = batch.map(({ operation }) => parties(operation));
  const accountIds = [...new Set(sides.flatMap(({ debit, credit }) => [debit, credit]))].sort();
  const positions = new Map(accountIds.map((id, at) => [id, at + 1]));
  return [
    writer,
    currency,
    accountIds,
    batch.map(({ operation }) => operation.type),
    batch.map(({ transactionId }) => transactionId),
    sides.map(({ debit }) => positions.get(debit)),
    sides.map(({ credit }) => positions.get(credit)),
    batch.map(({ operation }) => operation.amount.toString()),
    batch.map(({ operation }) => operation.idempotency?.principalId ?? null),
    batch.map(({ operation }) => operation.idempotency?.key ?? null),
    batch.map(({ operation }) => operation.idempotency?.requestHash ?? null),
    batch.map(({ operation }) => operation.note ?? null),
    batch.map(({ operation }) => (operation.metadata === undefined ? null : JSON.stringify(operation.metadata))),
    batch.map(({ operation }) => details(operation)),
  ];
}

function details(operation: Operation): string | null {
  switch (operation.type) {
    case 'online':
      return null;
    case 'deposit':
    case 'withdrawal':
      return JSON.stringify({ reference: operation.reference });
    case 'token_purchase':
      return JSON.stringify({
        tokens: operation.tokens.map((token) => ({ ...token, amount: token.amount.toString() })),
      });
    case 'token_redemption':
      return JSON.stringify({ tokenIds: operation.tokenIds });
  }
}
