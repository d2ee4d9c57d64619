export const transactionTypes = [
  'online',
  'offline',
  'token_purchase',
  'token_redemption',
  'deposit',
  'withdrawal',
  'token_refund',
] as const;
export type TransactionType = (typeof transactionTypes)[number];

export const transactionStatuses = ['pending', 'completed', 'failed', 'cancelled'] as const;
export type TransactionStatus = (typeof transactionStatuses)[number];

/** One movement of money as its parties see it. A side that is the world or the issuer is `null`. Amounts in minor units. */
export interface Transaction {
  id: string;
  type: TransactionType;
  status: TransactionStatus;
  senderId: string | null;
  receiverId: string | null;
  amount: bigint;
  currency: string;
  note: string | null;
  createdAt: Date;
  completedAt: Date | null;
  metadata: Record<string, unknown> | null;
}

/** A row of `transactions`, as `transactionColumns` selects it. */
export interface TransactionRow {
  id: string;
  type: TransactionType;
  status: TransactionStatus;
  sender_id: string | null;
  receiver_id: string | null;
  amount: bigint;
  currency: string;
  note: string | null;
  created_at: Date;
  completed_at: Date | null;
  metadata: Record<string, unknown> | null;
}

export const transactionColumns =
  'id, type, status, sender_id, receiver_id, amount, currency, note, created_at, completed_at, metadata';

export function fromRow(row: TransactionRow): Transaction {
  return {
    id: row.id,
    type: row.type,
    status: row.status,
    senderId: row.sender_id,
    receiverId: row.receiver_id,
    amount: row.amount,
    currency: row.currency,
    note: row.note,
    createdAt: row.created_at,
    completedAt: row.completed_at,
    metadata: row.metadata,
  };
}
