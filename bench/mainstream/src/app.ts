import express, { type ErrorRequestHandler, type Express } from 'express';
import type { Knex } from 'knex';
import { authenticate } from './authenticate.js';
import type { OpenedCache } from './cache.js';
import type { Metrics } from './metrics.js';
import { Refusal } from './refusal.js';
import { balanceRoute } from './routes/balance.js';
import { historyRoute } from './routes/history.js';
import { transferRoute } from './routes/transfers.js';

export interface AppParts {
  readonly database: Knex;
  readonly cache: OpenedCache;
  readonly metrics: Metrics;
  readonly jwtSecret: string;
}

/** The service, not yet listening. Whoever made the parts closes them. */
export function createApp({ database, cache, metrics, jwtSecret }: AppParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(metrics.middleware);
  app.use(express.json({ limit: '64kb' }));
  app.use('/wallet', authenticate(jwtSecret));
  app.get('/wallet/balance', balanceRoute(database, cache, metrics));
  app.get('/wallet/transactions', historyRoute(database, cache, metrics));
  app.post('/wallet/transfers', transferRoute(database, cache, metrics));
  app.use(onError);
  return app;
}

const onError: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) return next(error);
  const { status, code, message } = describe(error);
  if (status >= 500) console.error(error);
  response.status(status).type('application/problem+json').json({ status, code, detail: message });
};

/** Errors of `express.json` carry their status. */
function describe(error: unknown): { status: number; code: string; message: string } {
  if (error instanceof Refusal) return error;
  const { status } = error as { status?: unknown };
  return typeof status === 'number' && status < 500
    ? { status, code: 'invalid_request', message: 'the body cannot be read' }
    : { status: 500, code: 'internal_error', message: 'something went wrong' };
}
