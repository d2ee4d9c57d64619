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
    case 'hold':
      return { debit: operation.senderId, credit: operation.receiverId };
    case 'hold_capture':
    case 'hold_release':
    case 'hold_lapse':
      return { debit: operation.hold.senderId, credit: operation.hold.receiverId };
    case 'reversal':
      return { debit: operation.original.receiverId, credit: operation.original.senderId };
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
    batch.map(({ operation }) => {
      const metadata = metadataOf(operation);
      return metadata === undefined ? null : JSON.stringify(metadata);
    }),
    batch.map(({ operation }) => details(operation)),
    batch.map(({ operation }) => actor(operation)),
    batch.map(({ operation }) => operation.origin?.address ?? null),
    batch.map(({ operation }) => operation.origin?.correlationId ?? null),
  ];
}

/** The metadata that a transaction begins with; a hold's expiry is added by the database, whose clock decides it. */
export function metadataOf(operation: Operation): Record<string, unknown> | undefined {
  switch (operation.type) {
    case 'hold':
      return operation.binding ? { ...operation.metadata, binding: true } : operation.metadata;
    case 'reversal':
      return { ...operation.metadata, reverses: operation.original.id };
    default:
      return operation.metadata;
  }
}

/** Whoever asked, unless it goes without saying: the payer, or the payee of what nobody pays. A settlement is always told in full. */
function actor(operation: Operation): string | null {
  const actorId = operation.origin?.actorId ?? null;
  if ('hold' in operation) return actorId;
  switch (operation.type) {
    case 'online':
    case 'hold':
      return actorId === operation.senderId ? null : actorId;
    case 'reversal':
      return actorId === operation.original.receiverId ? null : actorId;
    case 'deposit':
    case 'withdrawal':
    case 'token_purchase':
    case 'token_redemption':
      return actorId === operation.userId ? null : actorId;
  }
}

function details(operation: Operation): string | null {
  switch (operation.type) {
    case 'online':
      return null;
    case 'hold':
      return JSON.stringify({ expiresInSeconds: operation.expiresInSeconds, binding: operation.binding });
    case 'hold_capture':
    case 'hold_release':
    case 'hold_lapse':
      return JSON.stringify({ by: operation.by });
    case 'reversal':
      return JSON.stringify({ originalId: operation.original.id, by: operation.by });
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
