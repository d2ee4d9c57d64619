/** A row of `transactions`, as the driver gives it. */
export interface TransactionRow {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly sender_id: string | null;
  readonly receiver_id: string | null;
  readonly amount: string;
  readonly currency: string;
  readonly note: string | null;
  readonly created_at: Date;
  readonly completed_at: Date | null;
}

export interface PresentedTransaction {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly senderId: string | null;
  readonly receiverId: string | null;
  readonly amount: string;
  readonly currency: string;
  readonly note: string | null;
  readonly createdAt: string;
  readonly completedAt: string | null;
}

export const presentTransaction = (row: TransactionRow): PresentedTransaction => ({
  id: row.id,
  type: row.type,
  status: row.status,
  senderId: row.sender_id,
  receiverId: row.receiver_id,
  amount: row.amount,
  currency: row.currency,
  note: row.note,
  createdAt: row.created_at.toISOString(),
  completedAt: row.completed_at?.toISOString() ?? null,
});
