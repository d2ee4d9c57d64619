import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Ledger } from '../ledger/ledger.js';
import type { Authenticate } from './authentication.js';
import { markReplayed, readIdempotency } from './idempotency.js';
import { originOf } from './origin.js';
import { presentTransaction } from './presentation.js';
import { refusalProblem } from './refusals.js';
import { Amount, bearer, closed, Id, idempotencyHeaders, problems, Text, TransactionSchema } from './schemas.js';
import { readAmount } from './wallet.routes.js';

export interface AdminMoneyRoutesOptions {
  authenticate: Authenticate;
  ledger: Ledger;
}

const MoneyBody = Type.Object(
  {
    userId: Id,
    amount: Amount,
    reference: Text({ minLength: 1, maxLength: 200, description: 'What this is called outside, used once' }),
  },
  closed,
);

/** How money enters from the world and leaves to it, by an operator's hand. */
export const adminMoneyRoutes: FastifyPluginAsyncTypebox<AdminMoneyRoutesOptions> = async (
  app,
  { authenticate, ledger },
) => {
  for (const { url, type, summary } of [
    { url: '/admin/deposits', type: 'deposit' as const, summary: 'Bring money in for a user' },
    { url: '/admin/withdrawals', type: 'withdrawal' as const, summary: 'Take money out for a user' },
  ]) {
    app.post(
      url,
      {
        onRequest: authenticate('operator'),
        config: { auditsItself: true },
        schema: {
          tags: ['operator'],
          summary,
          security: bearer,
          headers: idempotencyHeaders,
          body: MoneyBody,
          response: { 201: TransactionSchema, ...problems(400, 401, 403, 409, 422) },
        },
      },
      async (request, reply) => {
        const { userId, reference } = request.body;
        const outcome = await ledger.execute({
          type,
          userId: userId.toLowerCase(),
          amount: readAmount(request.body.amount),
          reference,
          idempotency: readIdempotency(request, request.principal.id),
          origin: originOf(request, request.principal.id),
          metadata: { reference, operatorId: request.principal.id },
        });
        markReplayed(reply, outcome.replayed);
        if (outcome.kind === 'refused') throw refusalProblem(outcome);
        return reply.code(201).send(presentTransaction(outcome.transaction));
      },
    );
  }
};
