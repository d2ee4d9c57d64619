import type { AmountMinor } from './money.js';
import type { Transaction } from './transaction.js';

/** What makes a request repeatable: who asks, their key, and a SHA-256 over the route and the canonical body. */
export interface Idempotency {
  principalId: string;
  key: string;
  requestHash: Buffer;
}

/** A token as it enters the ledger at its purchase; `compact` is its signed form. */
export interface IssuedToken {
  id: string;
  amount: AmountMinor;
  keyId: string;
  deviceKeyId: string | null;
  issuedAt: Date;
  expiresAt: Date;
  compact: string;
}

/** Who asked for an operation and from where, for the audit log. */
export interface Origin {
  /** Empty for the program's own work. */
  actorId: string | null;
  /** An IP address in text. */
  address: string | null;
  correlationId: string | null;
}

interface OperationBase {
  amount: AmountMinor;
  origin?: Origin;
  /** Left out only by the program's own work (sweeps), which is repeatable by its nature. */
  idempotency?: Idempotency;
  note?: string;
  metadata?: Record<string, unknown>;
}

/** Both parties of a transaction between two people, as it was read: none of it ever changes. */
export type TransactionBetweenTwo = Transaction & { senderId: string; receiverId: string };

/** On whose behalf a hold is closed or a transfer reversed: what they may do differs. */
export type Side = 'sender' | 'receiver' | 'operator';

/** Lays `amount` aside for the receiver until it is captured, released, or lapses. */
export type Hold = OperationBase & {
  type: 'hold';
  senderId: string;
  receiverId: string;
  expiresInSeconds: number;
  /** The payer cannot take it back before it expires. */
  binding: boolean;
};

/** Ends a hold: `hold` is its transaction, `amount` the whole of it. */
export type HoldSettlement = OperationBase &
  (
    | { type: 'hold_capture' | 'hold_release'; hold: TransactionBetweenTwo; by: Side }
    | { type: 'hold_lapse'; hold: TransactionBetweenTwo; by: 'expiry' }
  );

/** Sends the money of a completed transfer back, once. */
export type Reversal = OperationBase & {
  type: 'reversal';
  original: TransactionBetweenTwo;
  by: Exclude<Side, 'sender'>;
};

/** Everything that the ledger can be asked to do; each becomes one transaction with its entries, or a refusal. */
export type Operation =
  | Hold
  | HoldSettlement
  | Reversal
  | (OperationBase & { type: 'online'; senderId: string; receiverId: string })
  | (OperationBase & { type: 'deposit'; userId: string; reference: string })
  | (OperationBase & { type: 'withdrawal'; userId: string; reference: string })
  | (OperationBase & { type: 'token_purchase'; userId: string; tokens: readonly IssuedToken[] })
  | (OperationBase & { type: 'token_redemption'; userId: string; tokenIds: readonly string[] });

export const refusalCodes = [
  'account_closed',
  'account_frozen',
  'receiver_not_found',
  'user_not_found',
  'insufficient_funds',
  'token_not_found',
  'token_not_active',
  'reference_used',
  'reference_in_flight',
  'hold_not_found',
  'hold_not_open',
  'hold_expired',
  'hold_not_expired',
  'hold_is_binding',
  'payer_frozen',
  'already_reversed',
  'idempotency_key_in_flight',
  'idempotency_key_reused',
] as const;
export type RefusalCode = (typeof refusalCodes)[number];

/**
 * How an operation ended. `replayed` says that the same request was answered before and this is that answer; nothing was
 * done again. A replayed purchase or redemption stands for the tokens that the first one made or took.
 */
export type OperationOutcome =
  | { kind: 'completed'; replayed: boolean; transaction: Transaction }
  | { kind: 'refused'; replayed: boolean; code: RefusalCode; tokenIds?: string[] };

/**
 * A user's account after a commit. `posted`, where it is known: what its row says now and its version before the batch; left out
 * where the account's tokens changed as well, for then its balance is more than its row.
 */
export interface AccountChange {
  accountId: string;
  version: bigint;
  posted?: { versionBefore: bigint; balance: bigint; held: bigint };
}
