import type { Books } from './books.js';
import { CopyRows } from './copy-rows.js';

/** One transaction as it is written. Accounts by index; a side that is the world or the issuer is not shown on the transaction. */
export interface SeededTransaction {
  readonly type: 'online' | 'token_purchase' | 'token_redemption' | 'deposit' | 'withdrawal' | 'token_refund';
  readonly status: 'completed' | 'cancelled';
  readonly debit: number;
  readonly credit: number;
  readonly amount: number;
  readonly at: number;
  readonly note?: string;
  readonly reference?: string;
}

export const transactionColumns =
  'id, type, status, sender_id, receiver_id, amount, currency, note, metadata, created_at, completed_at';
export const entryColumns = 'account_id, version, transaction_id, amount, balance_before, balance_after, created_at';
export const referenceColumns = 'kind, reference, transaction_id';

/** The rows of a chunk of transactions, with the entries and the references that belong to them. */
export class TransactionRows {
  readonly transactions = new CopyRows(1 << 23);
  readonly entries = new CopyRows(1 << 23);
  readonly references = new CopyRows();

  constructor(
    private readonly books: Books,
    private readonly currency: string,
  ) {}

  /** Writes the transaction under `id` and, if money moved, posts it to the books with its two entries. */
  write(id: Uint8Array, one: SeededTransaction): void {
    const { books, transactions } = this;
    transactions.begin(11);
    transactions.uuid(id, 0);
    transactions.text(one.type);
    transactions.text(one.status);
    this.side(one.debit);
    this.side(one.credit);
    transactions.int8(one.amount);
    transactions.text(this.currency);
    if (one.note === undefined) transactions.null();
    else transactions.text(one.note);
    if (one.reference === undefined) transactions.null();
    else transactions.jsonb({ reference: one.reference });
    transactions.timestamptz(one.at);
    if (one.status === 'completed') transactions.timestamptz(one.at);
    else transactions.null();
    const counter = books.counts[`${one.type}_${one.status}` as keyof Books['counts']];
    for (const party of [one.debit, one.credit]) {
      if (party < books.users) counter[party] = (counter[party] as number) + 1;
    }
    if (one.status !== 'completed') return;
    this.entry(id, one.debit, -one.amount, one.at);
    this.entry(id, one.credit, one.amount, one.at);
    if (one.reference !== undefined) this.reference(id, one.type, one.reference);
  }

  private side(account: number): void {
    if (account < this.books.users) this.transactions.uuid(this.books.ids, account);
    else this.transactions.null();
  }

  private entry(transaction: Uint8Array, account: number, amount: number, at: number): void {
    const { books, entries } = this;
    const before = books.balances[account] as number;
    const version = (books.versions[account] as number) + 1;
    entries.begin(7);
    entries.uuid(books.ids, account);
    entries.int8(version);
    entries.uuid(transaction, 0);
    entries.int8(amount);
    entries.int8(before);
    entries.int8(before + amount);
    entries.timestamptz(at);
    books.balances[account] = before + amount;
    books.versions[account] = version;
  }

  private reference(transaction: Uint8Array, kind: string, reference: string): void {
    this.references.begin(3);
    this.references.text(kind);
    this.references.text(reference);
    this.references.uuid(transaction, 0);
  }
}
