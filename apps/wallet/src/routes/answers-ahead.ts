import type { AnswerAhead } from '@dunlin/cache/fastify';
import type { UserBalance } from '../queries/balance.js';
import { balanceTag, presentBalance } from './presentation.js';
import { secondsUntilNextExpiry } from './wallet.routes.js';

/** A body as the routes send it. */
export const json = (content: unknown): { body: string; contentType: string } => ({
  body: JSON.stringify(content),
  contentType: 'application/json; charset=utf-8',
});

/** The answer of `GET /wallet/balance` as its route makes it, for whoever answers or warms ahead of the route. */
export function balanceAnswer(balance: UserBalance): AnswerAhead {
  const ttlSeconds = secondsUntilNextExpiry(balance);
  return {
    ...json(presentBalance(balance)),
    etag: balanceTag(balance),
    version: Number(balance.version),
    ...(ttlSeconds === null ? {} : { ttlSeconds }),
  };
}
