import { historyStatement } from '@dunlin/wallet/queries/history-statement';
import { resolveHistoryOptions, type HistoryOptions } from '@dunlin/wallet/queries/history-options';
import type { HistoryPosition } from '@dunlin/wallet/queries/history-cursor';
import type { Statement } from '@dunlin/postgres';

/** A statement with its values, as it is sent. */
export interface Call {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The wallet's own statement for a page of history. */
export function historyCall(userId: string, options: HistoryOptions, after?: HistoryPosition): Call {
  const { statement, values } = historyStatement(userId, resolveHistoryOptions(options), after);
  return callOf(statement, values);
}

export const callOf = (statement: Statement, values: readonly unknown[]): Call => ({
  name: statement.name,
  text: statement.text,
  values,
});

const columns = 'id, type, status, sender_id, receiver_id, amount, currency, note, metadata, created_at, completed_at';

/** The plain way: one condition with OR, skipped by OFFSET. */
export const plainHistory = (userId: string, page: number): Call => ({
  name: `plain_history_${page === 1 ? 'first' : 'offset'}`,
  text: `select ${columns} from transactions where sender_id = $1 or receiver_id = $1 order by created_at desc, id desc limit 20 offset $2`,
  values: [userId, (page - 1) * 20],
});

export const plainCount = (userId: string): Call => ({
  name: 'plain_count',
  text: 'select count(*) from transactions where sender_id = $1 or receiver_id = $1',
  values: [userId],
});

/** The least that a page can cost: twenty rows by primary key. */
export const twentyByKey = (ids: readonly string[]): Call => ({
  name: 'twenty_by_key',
  text: `select ${columns} from transactions where id = any ($1::uuid[])`,
  values: [ids],
});

export const accountByKey = (userId: string): Call => ({
  name: 'account_by_key',
  text: 'select id, currency, balance, held, version from accounts where id = $1',
  values: [userId],
});

/** A balance from all that ever happened to one user. */
export const sumOfUser = (userId: string): Call => ({
  name: 'sum_of_user',
  text: `select sum(case when receiver_id = $1 then amount else -amount end) from transactions where (sender_id = $1 or receiver_id = $1) and status = 'completed'`,
  values: [userId],
});

/** The same as the original described it: grouped over everything, then one picked out. */
export const sumOverAll = (): Call => ({
  name: 'sum_over_all',
  text: `select sum(amount) from transactions where status = 'completed'`,
  values: [],
});
