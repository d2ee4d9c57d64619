import type { Queryable } from '../ledger/queryable.js';
import { fromRow, type Transaction, type TransactionRow } from '../ledger/transaction.js';
import { decodeCursor, encodeCursor } from './history-cursor.js';
import { resolveHistoryOptions, type HistoryOptions, type HistoryRequest } from './history-options.js';
import { historyStatement, totalCap } from './history-statement.js';

export interface HistoryPage {
  data: Transaction[];
  pagination: HistoryPagination;
}

/** By page number everything but `totalCapped` is there; by cursor there is no page number and no total. */
export interface HistoryPagination {
  page?: number;
  limit: number;
  total?: number;
  totalPages?: number;
  /** Present and true when a date range holds more than 10,000 rows: `total` is then 10,000. */
  totalCapped?: true;
  hasNext: boolean;
  hasPrev: boolean;
  nextCursor: string | null;
}

/** At least one comes, which tells the total; its other columns are null when the page is empty. */
export type HistoryRow = { [Column in keyof TransactionRow]: TransactionRow[Column] | null } & { total: bigint | null };

/**
 * One page of what `userId` sent and received, newest first unless asked otherwise; one statement.
 * @throws InvalidQueryOption that names what cannot be used.
 */
export async function readTransactionHistory(
  database: Queryable,
  userId: string,
  options: HistoryOptions,
): Promise<HistoryPage> {
  const request = resolveHistoryOptions(options);
  const after = request.cursor === undefined ? undefined : decodeCursor(request.cursor, request.filters);
  const { statement, values } = historyStatement(userId, request, after);
  const { rows } = await database.query<HistoryRow>(statement, values);
  return historyPage(request, rows);
}

/** The page that the rows of `historyStatement` make. */
export function historyPage(request: HistoryRequest, rows: readonly HistoryRow[]): HistoryPage {
  const found = rows.filter((row): row is HistoryRow & TransactionRow => row.id !== null).map(fromRow);
  const data = found.slice(0, request.limit);
  return { data, pagination: pagination(request, data, found.length > request.limit, rows[0]?.total ?? null) };
}

function pagination(
  request: HistoryRequest,
  data: Transaction[],
  hasNext: boolean,
  counted: bigint | null,
): HistoryPagination {
  const last = data.at(-1);
  const nextCursor = hasNext && last !== undefined ? encodeCursor(last, request.filters) : null;
  if (request.cursor !== undefined) return { limit: request.limit, hasNext, hasPrev: true, nextCursor };
  const capped =
    (request.filters.startDate !== undefined || request.filters.endDate !== undefined) && Number(counted) > totalCap;
  const total = capped ? totalCap : Number(counted ?? 0n);
  return {
    page: request.page,
    limit: request.limit,
    total,
    totalPages: Math.ceil(total / request.limit),
    ...(capped ? { totalCapped: true as const } : {}),
    hasNext,
    hasPrev: request.page > 1,
    nextCursor,
  };
}
