import type { RequestHandler } from 'express';
import type { Knex } from 'knex';
import { userIdOf } from '../authenticate.js';
import { historyKey, historyTtlMs, type OpenedCache } from '../cache.js';
import type { Metrics } from '../metrics.js';
import { Refusal } from '../refusal.js';
import { cachedRead } from './cached.js';
import { presentTransaction, type PresentedTransaction, type TransactionRow } from './transaction.js';

const usualLimit = 20;

export interface HistoryPage {
  readonly data: readonly PresentedTransaction[];
  readonly pagination: {
    readonly page: number;
    readonly limit: number;
    readonly total: number;
    readonly totalPages: number;
    readonly hasNext: boolean;
    readonly hasPrev: boolean;
  };
}

export function historyRoute(database: Knex, cache: OpenedCache, metrics: Metrics): RequestHandler {
  return async (request, response) => {
    const userId = userIdOf(response);
    const page = wholeNumber(request.query['page'], 1, 10_000_000, 1);
    const limit = wholeNumber(request.query['limit'], 1, 100, usualLimit);
    const load = (): Promise<HistoryPage> => readHistory(database, userId, page, limit);
    const found =
      page === 1 && limit === usualLimit
        ? await cachedRead(request, cache, metrics, {
            kind: 'history',
            key: historyKey(userId),
            ttlMs: historyTtlMs,
            load,
          })
        : await load();
    response.set('Cache-Control', 'private, no-cache').json(found);
  };
}

async function readHistory(database: Knex, userId: string, page: number, limit: number): Promise<HistoryPage> {
  const ofUser = () =>
    database<TransactionRow>('transactions').where((either) =>
      either.where('sender_id', userId).orWhere('receiver_id', userId),
    );
  const [rows, counted] = await Promise.all([
    ofUser()
      .orderBy([
        { column: 'created_at', order: 'desc' },
        { column: 'id', order: 'desc' },
      ])
      .limit(limit)
      .offset((page - 1) * limit)
      .select('*'),
    ofUser().count({ total: '*' }).first(),
  ]);
  const total = Number(counted?.['total'] ?? 0);
  return {
    data: (rows as TransactionRow[]).map(presentTransaction),
    pagination: {
      page,
      limit,
      total,
      totalPages: Math.ceil(total / limit),
      hasNext: page * limit < total,
      hasPrev: page > 1,
    },
  };
}

function wholeNumber(given: unknown, min: number, max: number, fallback: number): number {
  if (given === undefined) return fallback;
  const number = typeof given === 'string' ? Number(given) : NaN;
  if (!Number.isInteger(number) || number < min || number > max)
    throw new Refusal(400, 'invalid_request', `a whole number from ${min} to ${max} was expected`);
  return number;
}
