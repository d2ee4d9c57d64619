import { maxTokenLength } from '@dunlin/offline';
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { AmountMinor } from '../ledger/money.js';
import type { QueryOptimizationService } from '../queries/query-optimization-service.js';
import {
  mostTokensOfPurchase,
  mostTokensOfRedemption,
  shortestLifetimeSeconds,
  type TokenService,
} from '../tokens/token-service.js';
import type { Authenticate } from './authentication.js';
import type { TypedApp } from './typed-app.js';
import { markReplayed, readIdempotency } from './idempotency.js';
import { originOf } from './origin.js';
import { presentToken, presentTransaction } from './presentation.js';
import { invalid } from './invalid-part.js';
import { refusalProblem } from './refusals.js';
import {
  Amount,
  bearer,
  closed,
  Id,
  idempotencyHeaders,
  problems,
  TokenSchema,
  TokenStatusSchema,
  TransactionSchema,
} from './schemas.js';
import { readAmount } from './wallet.routes.js';

export interface TokenRoutesOptions {
  authenticate: Authenticate;
  tokens: TokenService;
  queries: QueryOptimizationService;
}

const Compact = Type.String({
  minLength: 1,
  maxLength: maxTokenLength,
  description: 'A token in its signed compact form',
});

const PurchaseBody = Type.Object(
  {
    amount: Amount,
    denominations: Type.Optional(Type.Array(Amount, { minItems: 1, maxItems: mostTokensOfPurchase })),
    expiresInSeconds: Type.Optional(Type.Integer({ minimum: shortestLifetimeSeconds })),
  },
  closed,
);

const TokensQuery = Type.Object(
  {
    status: Type.Optional(TokenStatusSchema),
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
    cursor: Type.Optional(Id),
  },
  closed,
);

const ValidationSchema = Type.Object({
  valid: Type.Boolean(),
  checks: Type.Object({
    signature: Type.Boolean(),
    key: Type.Boolean(),
    unexpired: Type.Boolean(),
    unspent: Type.Boolean(),
  }),
  token: Type.Union([TokenSchema, Type.Null()]),
});

/** Buying, listing, checking and redeeming offline tokens. */
export const tokenRoutes: FastifyPluginAsyncTypebox<TokenRoutesOptions> = async (app, options) => {
  purchaseRoute(app, options);
  listRoute(app, options);
  validateRoute(app, options);
  redeemRoute(app, options);
};

function purchaseRoute(app: TypedApp, { authenticate, tokens }: TokenRoutesOptions): void {
  app.post(
    '/tokens/purchase',
    {
      onRequest: authenticate('user', 'operator'),
      schema: {
        tags: ['tokens'],
        summary: 'Turn available money into signed tokens',
        security: bearer,
        headers: idempotencyHeaders,
        body: PurchaseBody,
        response: {
          201: Type.Object({ transaction: TransactionSchema, tokens: Type.Array(TokenSchema) }),
          ...problems(400, 401, 403, 409, 422, 429),
        },
      },
    },
    async (request, reply) => {
      const userId = request.principal.id;
      const { amount, denominations, expiresInSeconds } = request.body;
      const outcome = await tokens.purchase({
        userId,
        amount: readAmount(amount),
        idempotency: readIdempotency(request, userId),
        origin: originOf(request, userId),
        ...(denominations === undefined ? {} : { denominations: denominations.map(readAmount) as AmountMinor[] }),
        ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
      });
      if (outcome.kind === 'invalid') throw invalid(outcome);
      markReplayed(reply, outcome.replayed);
      if (outcome.kind === 'refused') throw refusalProblem(outcome);
      return reply
        .code(201)
        .send({ transaction: presentTransaction(outcome.transaction), tokens: outcome.tokens.map(presentToken) });
    },
  );
}

function listRoute(app: TypedApp, { authenticate, queries }: TokenRoutesOptions): void {
  app.get(
    '/tokens',
    {
      onRequest: authenticate('user', 'operator'),
      schema: {
        tags: ['tokens'],
        summary: 'Your tokens, newest first',
        security: bearer,
        querystring: TokensQuery,
        response: {
          200: Type.Object({
            data: Type.Array(TokenSchema),
            pagination: Type.Object({
              limit: Type.Integer(),
              hasNext: Type.Boolean(),
              nextCursor: Type.Union([Type.String(), Type.Null()]),
            }),
          }),
          ...problems(400, 401),
        },
      },
    },
    async (request) => {
      const { limit, status, cursor } = request.query;
      const page = await queries.getTokens(request.principal.id, {
        limit,
        status: status ?? null,
        afterId: cursor ?? null,
      });
      return {
        data: page.tokens.map(presentToken),
        pagination: { limit, hasNext: page.nextCursor !== null, nextCursor: page.nextCursor },
      };
    },
  );
}

function validateRoute(app: TypedApp, { authenticate, tokens }: TokenRoutesOptions): void {
  app.post(
    '/tokens/validate',
    {
      onRequest: authenticate('user', 'operator'),
      schema: {
        tags: ['tokens'],
        summary: 'Check a token against its signature and the ledger',
        security: bearer,
        body: Type.Object({ token: Type.String({ minLength: 1, maxLength: 8_192 }) }, closed),
        response: { 200: ValidationSchema, ...problems(400, 401) },
      },
    },
    async (request) => {
      const { token, ...validation } = await tokens.validate(request.body.token);
      return { ...validation, token: token === null ? null : presentToken(token) };
    },
  );
}

function redeemRoute(app: TypedApp, { authenticate, tokens }: TokenRoutesOptions): void {
  app.post(
    '/tokens/redeem',
    {
      onRequest: authenticate('user', 'operator'),
      schema: {
        tags: ['tokens'],
        summary: 'Turn tokens of yours back into available money, all or none',
        security: bearer,
        headers: idempotencyHeaders,
        body: Type.Object({ tokens: Type.Array(Compact, { minItems: 1, maxItems: mostTokensOfRedemption }) }, closed),
        response: {
          200: Type.Object({ transaction: TransactionSchema, redeemed: Type.Array(Id) }),
          ...problems(400, 401, 403, 404, 409, 422),
        },
      },
    },
    async (request, reply) => {
      const userId = request.principal.id;
      const idempotency = readIdempotency(request, userId);
      const outcome = await tokens.redeem(userId, request.body.tokens, idempotency, originOf(request, userId));
      if (outcome.kind === 'invalid') throw invalid(outcome, 422, 'invalid_offline_token');
      markReplayed(reply, outcome.replayed);
      if (outcome.kind === 'refused') throw refusalProblem(outcome);
      return { transaction: presentTransaction(outcome.transaction), redeemed: outcome.redeemed };
    },
  );
}
