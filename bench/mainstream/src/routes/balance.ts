import type { RequestHandler } from 'express';
import type { Knex } from 'knex';
import { userIdOf } from '../authenticate.js';
import { balanceKey, balanceTtlMs, type OpenedCache } from '../cache.js';
import type { Metrics } from '../metrics.js';
import { Refusal } from '../refusal.js';
import { cachedRead } from './cached.js';

/** Amounts are strings of minor units: the driver gives a `bigint` so, and JSON has no number for it. */
export interface Balance {
  readonly userId: string;
  readonly currency: string;
  readonly available: string;
  readonly offline: string;
  readonly pending: string;
  readonly total: string;
  readonly version: number;
  readonly asOf: string;
}

export function balanceRoute(database: Knex, cache: OpenedCache, metrics: Metrics): RequestHandler {
  return async (request, response) => {
    const userId = userIdOf(response);
    const balance = await cachedRead(request, cache, metrics, {
      kind: 'balance',
      key: balanceKey(userId),
      ttlMs: balanceTtlMs,
      load: () => readBalance(database, userId),
    });
    response.set('Cache-Control', 'private, no-cache').json(balance);
  };
}

async function readBalance(database: Knex, userId: string): Promise<Balance> {
  const [wallet, tokens] = await Promise.all([
    database('wallets').where({ user_id: userId }).first('currency', 'balance', 'held', 'version'),
    database('tokens')
      .where({ user_id: userId, status: 'active' })
      .first(
        database.raw('coalesce(sum(amount) filter (where expires_at > now()), 0) as offline'),
        database.raw('coalesce(sum(amount) filter (where expires_at <= now()), 0) as lapsed'),
      ),
  ]);
  if (wallet === undefined) throw new Refusal(404, 'account_not_found', 'there is no such account');
  const available = BigInt(wallet.balance) - BigInt(wallet.held);
  const offline = BigInt(tokens.offline);
  const pending = BigInt(wallet.held) + BigInt(tokens.lapsed);
  return {
    userId,
    currency: wallet.currency,
    available: String(available),
    offline: String(offline),
    pending: String(pending),
    total: String(available + offline + pending),
    version: Number(wallet.version),
    asOf: new Date().toISOString(),
  };
}
