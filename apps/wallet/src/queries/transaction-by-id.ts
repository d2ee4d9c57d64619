import { statement } from '@dunlin/postgres';
import type { Queryable } from '../ledger/queryable.js';
import { fromRow, transactionColumns, type Transaction, type TransactionRow } from '../ledger/transaction.js';

const transactionStatement = statement(
  'transaction_by_id',
  `select ${transactionColumns} from transactions where id = $1`,
  { readOnly: true },
);

/** One transaction by its key, or `undefined`. */
export async function readTransaction(database: Queryable, id: string): Promise<Transaction | undefined> {
  const { rows } = await database.query<TransactionRow>(transactionStatement, [id]);
  return rows[0] === undefined ? undefined : fromRow(rows[0]);
}
