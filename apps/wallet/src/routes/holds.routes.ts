import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import type { Ledger } from '../ledger/ledger.js';
import type { AmountMinor } from '../ledger/money.js';
import type { Side, TransactionBetweenTwo } from '../ledger/operation.js';
import type { Transaction } from '../ledger/transaction.js';
import type { QueryOptimizationService } from '../queries/query-optimization-service.js';
import type { Authenticate } from './authentication.js';
import { markReplayed, readIdempotency } from './idempotency.js';
import { originOf } from './origin.js';
import { presentTransaction } from './presentation.js';
import { Problem } from './problem.js';
import { refusalProblem } from './refusals.js';
import {
  Amount,
  bearer,
  closed,
  Id,
  idempotencyHeaders,
  NoBody,
  problems,
  Text,
  TransactionSchema,
} from './schemas.js';
import type { TypedApp } from './typed-app.js';
import { readAmount } from './wallet.routes.js';

export interface HoldRoutesOptions {
  authenticate: Authenticate;
  ledger: Ledger;
  queries: QueryOptimizationService;
  /** The longest that a hold may last. */
  maxSeconds: number;
}

/** Money laid aside for somebody: a pending transaction that lowers `available`, until it is captured, released, or lapses. */
export const holdRoutes: FastifyPluginAsyncTypebox<HoldRoutesOptions> = async (app, options) => {
  placeRoute(app, options);
  for (const [verb, type, summary] of [
    ['capture', 'hold_capture', 'Pay what was laid aside'],
    ['release', 'hold_release', 'Give back what was laid aside'],
  ] as const) {
    settleRoute(app, options, { verb, type, summary });
  }
};

function placeRoute(app: TypedApp, { authenticate, ledger, maxSeconds }: HoldRoutesOptions): void {
  const body = Type.Object(
    {
      receiverId: Id,
      amount: Amount,
      expiresInSeconds: Type.Integer({ minimum: 1, maximum: maxSeconds }),
      binding: Type.Optional(
        Type.Boolean({ description: 'The payer cannot release it before it expires. By default the payer can' }),
      ),
      note: Type.Optional(Text({ maxLength: 500 })),
    },
    closed,
  );
  app.post(
    '/wallet/holds',
    {
      onRequest: authenticate('user', 'operator'),
      schema: {
        tags: ['wallet'],
        summary: 'Lay money aside for somebody',
        security: bearer,
        headers: idempotencyHeaders,
        body,
        response: { 201: TransactionSchema, ...problems(400, 401, 403, 409, 422, 429) },
      },
    },
    async (request, reply) => {
      const { amount, note, expiresInSeconds, binding } = request.body;
      const senderId = request.principal.id;
      const receiverId = request.body.receiverId.toLowerCase();
      const idempotency = readIdempotency(request, senderId);
      if (receiverId === senderId) throw new Problem(422, 'same_account', 'Sender and receiver are the same account.');
      const outcome = await ledger.execute({
        type: 'hold',
        senderId,
        receiverId,
        amount: readAmount(amount),
        expiresInSeconds,
        binding: binding ?? false,
        idempotency,
        origin: originOf(request, senderId),
        ...(note === undefined ? {} : { note }),
      });
      markReplayed(reply, outcome.replayed);
      if (outcome.kind === 'refused') throw refusalProblem(outcome);
      return reply.code(201).send(presentTransaction(outcome.transaction));
    },
  );
}

interface Settlement {
  verb: 'capture' | 'release';
  type: 'hold_capture' | 'hold_release';
  summary: string;
}

function settleRoute(app: TypedApp, options: HoldRoutesOptions, { verb, type, summary }: Settlement): void {
  const { authenticate, ledger, queries } = options;
  app.post(
    `/wallet/holds/:id/${verb}`,
    {
      onRequest: authenticate('user', 'operator'),
      schema: {
        tags: ['wallet'],
        summary,
        security: bearer,
        headers: idempotencyHeaders,
        params: Type.Object({ id: Id }, closed),
        body: NoBody,
        response: { 200: TransactionSchema, ...problems(400, 401, 403, 404, 409, 422, 429) },
      },
    },
    async (request, reply) => {
      const idempotency = readIdempotency(request, request.principal.id);
      const hold = await queries.getTransaction(request.params.id);
      const by = hold === undefined ? undefined : sideOf(request, hold);
      if (hold === undefined || by === undefined || !isBetweenTwo(hold)) {
        throw new Problem(404, 'hold_not_found', 'You have no such hold.');
      }
      const outcome = await ledger.execute({
        type,
        hold,
        by,
        amount: hold.amount as AmountMinor,
        idempotency,
        origin: originOf(request, request.principal.id),
      });
      markReplayed(reply, outcome.replayed);
      if (outcome.kind === 'refused') throw refusalProblem(outcome);
      return presentTransaction(outcome.transaction);
    },
  );
}

/** As whom the caller may act on this transaction; undefined for a stranger, to whom it does not exist. */
export function sideOf(request: FastifyRequest, transaction: Transaction): Side | undefined {
  const { id, role } = request.principal;
  if (transaction.senderId === id) return 'sender';
  if (transaction.receiverId === id) return 'receiver';
  return role === 'operator' ? 'operator' : undefined;
}

export function isBetweenTwo(transaction: Transaction): transaction is TransactionBetweenTwo {
  return transaction.senderId !== null && transaction.receiverId !== null;
}
