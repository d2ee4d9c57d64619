import {
  transactionStatuses,
  transactionTypes,
  type TransactionStatus,
  type TransactionType,
} from '../ledger/transaction.js';
import { InvalidQueryOption } from './errors.js';

/** What `getTransactionHistory` may be asked; everything may be left out. */
export interface HistoryOptions {
  /** From 1; by default 1. Not together with `cursor`. */
  page?: number;
  /** 1 to 100; by default 20. */
  limit?: number;
  /** Where the page before ended, as its `nextCursor` said. */
  cursor?: string;
  type?: TransactionType;
  status?: TransactionStatus;
  /** Inclusive. */
  startDate?: Date;
  /** Exclusive. */
  endDate?: Date;
  /** Newest first by default. */
  orderDirection?: 'asc' | 'desc';
}

export interface HistoryFilters {
  type?: TransactionType;
  status?: TransactionStatus;
  startDate?: Date;
  endDate?: Date;
  orderDirection: 'asc' | 'desc';
}

export interface HistoryRequest {
  page: number;
  limit: number;
  cursor?: string;
  filters: HistoryFilters;
}

const largestPage = 10_000_000;
export const largestLimit = 100;

/** @throws InvalidQueryOption that names the first option it cannot use. */
export function resolveHistoryOptions(options: HistoryOptions): HistoryRequest {
  const filters: HistoryFilters = {
    orderDirection: oneOf('orderDirection', options.orderDirection, ['asc', 'desc']) ?? 'desc',
  };
  const type = oneOf('type', options.type, transactionTypes);
  if (type !== undefined) filters.type = type;
  const status = oneOf('status', options.status, transactionStatuses);
  if (status !== undefined) filters.status = status;
  if (options.startDate !== undefined) filters.startDate = date('startDate', options.startDate);
  if (options.endDate !== undefined) filters.endDate = date('endDate', options.endDate);
  if (options.cursor !== undefined && options.page !== undefined) {
    throw new InvalidQueryOption('cursor', 'a cursor already says where to go on; leave page out');
  }
  return {
    page: whole('page', options.page, 1, largestPage),
    limit: whole('limit', options.limit ?? 20, 1, largestLimit),
    ...(options.cursor === undefined ? {} : { cursor: options.cursor }),
    filters,
  };
}

function oneOf<Value extends string>(
  option: string,
  given: Value | undefined,
  allowed: readonly Value[],
): Value | undefined {
  if (given === undefined || allowed.includes(given)) return given;
  throw new InvalidQueryOption(option, `${JSON.stringify(given)} is none of ${allowed.join(', ')}`);
}

function date(option: string, given: Date): Date {
  if (given instanceof Date && !Number.isNaN(given.getTime())) return given;
  throw new InvalidQueryOption(option, 'is no time that can be read');
}

function whole(option: string, given: number | undefined, least: number, most: number): number {
  if (given === undefined) return least;
  if (Number.isInteger(given) && given >= least && given <= most) return given;
  throw new InvalidQueryOption(option, `${given} is not a whole number from ${least} to ${most}`);
}
