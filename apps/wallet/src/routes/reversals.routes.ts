import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Ledger } from '../ledger/ledger.js';
import type { AmountMinor } from '../ledger/money.js';
import type { TransactionBetweenTwo } from '../ledger/operation.js';
import type { Transaction } from '../ledger/transaction.js';
import type { QueryOptimizationService } from '../queries/query-optimization-service.js';
import type { Authenticate } from './authentication.js';
import { isBetweenTwo, sideOf } from './holds.routes.js';
import { markReplayed, readIdempotency } from './idempotency.js';
import { originOf } from './origin.js';
import { presentTransaction } from './presentation.js';
import { Problem } from './problem.js';
import { refusalProblem } from './refusals.js';
import { bearer, closed, Id, idempotencyHeaders, NoBody, problems, TransactionSchema } from './schemas.js';

export interface ReversalRoutesOptions {
  authenticate: Authenticate;
  ledger: Ledger;
  queries: QueryOptimizationService;
}

/** `POST /wallet/transfers/:id/reverse`: who was paid sends it back, or an operator does it for them; once. */
export const reversalRoutes: FastifyPluginAsyncTypebox<ReversalRoutesOptions> = async (app, options) => {
  const { authenticate, ledger, queries } = options;
  app.post(
    '/wallet/transfers/:id/reverse',
    {
      onRequest: authenticate('user', 'operator'),
      schema: {
        tags: ['wallet'],
        summary: 'Send a payment back',
        security: bearer,
        headers: idempotencyHeaders,
        params: Type.Object({ id: Id }, closed),
        body: NoBody,
        response: { 201: TransactionSchema, ...problems(400, 401, 403, 404, 409, 422, 429) },
      },
    },
    async (request, reply) => {
      const { principal } = request;
      const idempotency = readIdempotency(request, principal.id);
      const original = await queries.getTransaction(request.params.id);
      const by = original === undefined ? undefined : sideOf(request, original);
      if (original === undefined || by === undefined) {
        throw new Problem(404, 'transaction_not_found', 'You have no such transaction.');
      }
      // An operator who paid acts for the house here, not as the payer.
      const side = by === 'sender' && principal.role === 'operator' ? 'operator' : by;
      if (side === 'sender')
        throw new Problem(403, 'forbidden', 'Only who was paid, or an operator, can reverse this.');
      if (!isReversible(original)) {
        throw new Problem(422, 'not_reversible', 'Only a completed transfer between two users can be reversed.');
      }
      const outcome = await ledger.execute({
        type: 'reversal',
        original,
        by: side,
        amount: original.amount as AmountMinor,
        idempotency,
        origin: originOf(request, principal.id),
      });
      markReplayed(reply, outcome.replayed);
      if (outcome.kind === 'refused') throw refusalProblem(outcome);
      return reply.code(201).send(presentTransaction(outcome.transaction));
    },
  );
};

/** A reversal itself stays: whoever wants to pay again pays again. */
function isReversible(transaction: Transaction): transaction is TransactionBetweenTwo {
  const { type, status, metadata } = transaction;
  return (
    type === 'online' && status === 'completed' && metadata?.['reverses'] === undefined && isBetweenTwo(transaction)
  );
}
