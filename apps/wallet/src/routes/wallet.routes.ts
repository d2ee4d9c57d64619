import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import type { ResponsePolicies } from '../caching/response-policies.js';
import type { Ledger } from '../ledger/ledger.js';
import { parseAmount, type AmountMinor } from '../ledger/money.js';
import type { Operation } from '../ledger/operation.js';
import type { UserBalance } from '../queries/balance.js';
import type { HistoryOptions } from '../queries/history-options.js';
import type { QueryOptimizationService } from '../queries/query-optimization-service.js';
import type { Authenticate } from './authentication.js';
import type { TypedApp } from './typed-app.js';
import { markReplayed, readIdempotency } from './idempotency.js';
import { Moment, readRange } from './moments.js';
import { originOf } from './origin.js';
import { balanceTag, presentBalance, presentTransaction } from './presentation.js';
import { Problem } from './problem.js';
import { refusalProblem } from './refusals.js';
import {
  Amount,
  BalanceSchema,
  bearer,
  closed,
  Id,
  idempotencyHeaders,
  problems,
  Text,
  TransactionSchema,
  TransactionStatusSchema,
  TransactionTypeSchema,
  words,
} from './schemas.js';

export interface WalletRoutesOptions {
  authenticate: Authenticate;
  ledger: Ledger;
  queries: QueryOptimizationService;
  policies: ResponsePolicies;
}

const HistoryQuery = Type.Object(
  {
    page: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
    cursor: Type.Optional(Type.String({ maxLength: 100 })),
    type: Type.Optional(TransactionTypeSchema),
    status: Type.Optional(TransactionStatusSchema),
    from: Type.Optional(Moment('from')),
    to: Type.Optional(Moment('to')),
    order: Type.Optional(words(['asc', 'desc'], { default: 'desc' })),
  },
  closed,
);

const HistorySchema = Type.Object({
  data: Type.Array(TransactionSchema),
  pagination: Type.Object({
    page: Type.Optional(Type.Integer()),
    limit: Type.Integer(),
    total: Type.Optional(Type.Integer()),
    totalPages: Type.Optional(Type.Integer()),
    totalCapped: Type.Optional(Type.Boolean()),
    hasNext: Type.Boolean(),
    hasPrev: Type.Boolean(),
    nextCursor: Type.Union([Type.String(), Type.Null()]),
  }),
});

const TransferBody = Type.Object(
  { receiverId: Id, amount: Amount, note: Type.Optional(Text({ maxLength: 500 })) },
  closed,
);

/** A signed-in user's own money: the balance, the history, and payments to others. */
export const walletRoutes: FastifyPluginAsyncTypebox<WalletRoutesOptions> = async (app, options) => {
  balanceRoute(app, options);
  historyRoute(app, options);
  transactionRoute(app, options);
  transferRoute(app, options);
};

function balanceRoute(app: TypedApp, { authenticate, queries, policies }: WalletRoutesOptions): void {
  app.get(
    '/wallet/balance',
    {
      onRequest: authenticate('user', 'operator'),
      config: { responseCache: policies.balance },
      schema: {
        tags: ['wallet'],
        summary: 'What you hold',
        security: bearer,
        response: { 200: BalanceSchema, ...problems(401, 429) },
      },
    },
    async (request, reply) => {
      const balance = await queries.getUserBalance(request.principal.id);
      reply.cacheVersion = Number(balance.version);
      reply.cacheTtlSeconds = secondsUntilNextExpiry(balance);
      reply.header('etag', balanceTag(balance));
      return presentBalance(balance);
    },
  );
}

function historyRoute(app: TypedApp, { authenticate, queries, policies }: WalletRoutesOptions): void {
  app.get(
    '/wallet/transactions',
    {
      onRequest: authenticate('user', 'operator'),
      config: { responseCache: policies.history },
      schema: {
        tags: ['wallet'],
        summary: 'What you sent and received',
        security: bearer,
        querystring: HistoryQuery,
        response: { 200: HistorySchema, ...problems(400, 401, 429) },
      },
    },
    async (request) => {
      const page = await queries.getTransactionHistory(request.principal.id, historyOptions(request.query));
      return { data: page.data.map(presentTransaction), pagination: page.pagination };
    },
  );
}

function transactionRoute(app: TypedApp, { authenticate, queries }: WalletRoutesOptions): void {
  app.get(
    '/wallet/transactions/:id',
    {
      onRequest: authenticate('user', 'operator'),
      schema: {
        tags: ['wallet'],
        summary: 'One transaction of yours',
        security: bearer,
        params: Type.Object({ id: Id }),
        response: { 200: TransactionSchema, ...problems(400, 401, 404) },
      },
    },
    async (request) => {
      const transaction = await queries.getTransaction(request.params.id);
      if (transaction === undefined || !mayRead(request, transaction)) {
        throw new Problem(404, 'transaction_not_found', 'You have no such transaction.');
      }
      return presentTransaction(transaction);
    },
  );
}

function transferRoute(app: TypedApp, { authenticate, ledger }: WalletRoutesOptions): void {
  app.post(
    '/wallet/transfers',
    {
      onRequest: authenticate('user', 'operator'),
      schema: {
        tags: ['wallet'],
        summary: 'Pay somebody',
        security: bearer,
        headers: idempotencyHeaders,
        body: TransferBody,
        response: { 201: TransactionSchema, ...problems(400, 401, 403, 409, 422, 429) },
      },
    },
    async (request, reply) => {
      const { receiverId, note } = request.body;
      const senderId = request.principal.id;
      const idempotency = readIdempotency(request, senderId);
      if (receiverId.toLowerCase() === senderId)
        throw new Problem(422, 'same_account', 'Sender and receiver are the same account.');
      const amount = readAmount(request.body.amount);
      const operation: Operation = {
        type: 'online',
        senderId,
        receiverId: receiverId.toLowerCase(),
        amount,
        idempotency,
        origin: originOf(request, senderId),
        ...(note === undefined ? {} : { note }),
      };
      const outcome = await ledger.execute(operation);
      markReplayed(reply, outcome.replayed);
      if (outcome.kind === 'refused') throw refusalProblem(outcome);
      return reply.code(201).send(presentTransaction(outcome.transaction));
    },
  );
}

/** The answer tells of tokens that expire: a kept copy ends, at the latest, with the first of them. */
export function secondsUntilNextExpiry({ nextExpiryAt, asOf }: UserBalance): number | null {
  return nextExpiryAt === null ? null : (nextExpiryAt.getTime() - asOf.getTime()) / 1000;
}

/** The schema has checked the form already; this only turns it into a number. */
export function readAmount(text: string): AmountMinor {
  const amount = parseAmount(text);
  if (amount === undefined)
    throw new Problem(400, 'invalid_request', 'The amount is no positive integer of minor units.');
  return amount;
}

function mayRead(
  request: FastifyRequest,
  transaction: { senderId: string | null; receiverId: string | null },
): boolean {
  const { id, role } = request.principal;
  return role === 'operator' || transaction.senderId === id || transaction.receiverId === id;
}

function historyOptions(query: Static<typeof HistoryQuery>): HistoryOptions {
  const { from, to, order, ...rest } = query;
  const range = readRange({ from, to });
  return {
    ...rest,
    ...(range.from === undefined ? {} : { startDate: range.from }),
    ...(range.to === undefined ? {} : { endDate: range.to }),
    ...(order === undefined ? {} : { orderDirection: order }),
  };
}
