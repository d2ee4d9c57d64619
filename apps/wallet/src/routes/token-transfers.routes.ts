import { maxTokenLength, mostOutputs } from '@dunlin/offline';
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { AmountMinor } from '../ledger/money.js';
import { transferRefusals } from '../tokens/sync/read-transfer.js';
import { mostTransfersOfSync, type TransferResult, type TransferSync } from '../tokens/sync/transfer-sync.js';
import { divideToken, mostPartsOfDivision, type TokenDivisionOptions } from '../tokens/token-division.js';
import type { Authenticate } from './authentication.js';
import { markReplayed, readIdempotency } from './idempotency.js';
import { invalid } from './invalid-part.js';
import { auditOriginOf } from './operator-audit.js';
import { originOf } from './origin.js';
import { presentToken } from './presentation.js';
import { refusalProblem } from './refusals.js';
import {
  Amount,
  AmountOut,
  bearer,
  closed,
  Currency,
  Id,
  idempotencyHeaders,
  problems,
  TokenSchema,
  words,
} from './schemas.js';
import type { TypedApp } from './typed-app.js';
import { readAmount } from './wallet.routes.js';

export interface TokenTransferRoutesOptions {
  authenticate: Authenticate;
  division: TokenDivisionOptions;
  sync: TransferSync;
  policy: TokenPolicy;
}

/** What a device needs to know of the issuer's limits before it goes offline. */
export interface TokenPolicy {
  currency: string;
  maxAmountMinor: bigint;
  ttlSeconds: number;
  maxHops: number;
  safetyMarginSeconds: number;
  expiryGraceSeconds: number;
}

/** A thousand transfers of the longest form, with what JSON puts around them. */
const syncBodyBytes = 1_048_576;

const ResultSchema = Type.Object({
  index: Type.Integer(),
  status: words(['accepted', 'duplicate', 'rejected']),
  code: Type.Optional(words(transferRefusals)),
  transactionId: Type.Optional(Id),
  transactionIds: Type.Optional(
    Type.Array(Id, { description: 'All of them, where a transfer paid several receivers' }),
  ),
});

/** Dividing a token, and bringing in what devices passed on among themselves. */
export const tokenTransferRoutes: FastifyPluginAsyncTypebox<TokenTransferRoutesOptions> = async (app, options) => {
  divideRoute(app, options);
  syncRoute(app, options);
  policyRoute(app, options);
};

function divideRoute(app: TypedApp, { authenticate, division }: TokenTransferRoutesOptions): void {
  app.post(
    '/tokens/divide',
    {
      onRequest: authenticate('user', 'operator'),
      schema: {
        tags: ['tokens'],
        summary: 'Exchange a token of yours for several that are worth as much together',
        security: bearer,
        headers: idempotencyHeaders,
        body: Type.Object(
          {
            token: Type.String({ minLength: 1, maxLength: maxTokenLength }),
            amounts: Type.Array(Amount, { minItems: 1, maxItems: mostPartsOfDivision }),
          },
          closed,
        ),
        response: {
          201: Type.Object({ parentId: Id, tokens: Type.Array(TokenSchema) }),
          ...problems(400, 401, 403, 404, 409, 422),
        },
      },
    },
    async (request, reply) => {
      const userId = request.principal.id;
      const outcome = await divideToken(division, {
        userId,
        token: request.body.token,
        amounts: request.body.amounts.map(readAmount) as AmountMinor[],
        idempotency: readIdempotency(request, userId),
        origin: auditOriginOf(request, userId),
      });
      if (outcome.kind === 'invalid') throw invalid(outcome);
      if (outcome.kind === 'no_token') throw invalid(outcome, 422, 'invalid_offline_token');
      markReplayed(reply, outcome.replayed);
      if (outcome.kind === 'refused') throw refusalProblem(outcome);
      return reply.code(201).send({ parentId: outcome.parentId, tokens: outcome.tokens.map(presentToken) });
    },
  );
}

function syncRoute(app: TypedApp, { authenticate, sync }: TokenTransferRoutesOptions): void {
  app.post(
    '/tokens/sync',
    {
      onRequest: authenticate('user', 'operator'),
      bodyLimit: syncBodyBytes,
      schema: {
        tags: ['tokens'],
        summary: 'Bring in what devices passed on among themselves',
        security: bearer,
        headers: idempotencyHeaders,
        body: Type.Object(
          {
            transfers: Type.Array(Type.String(), { minItems: 1, maxItems: mostTransfersOfSync }),
            redeem: Type.Optional(Type.Boolean({ description: 'Credit what ends up with you at once' })),
          },
          closed,
        ),
        response: {
          200: Type.Object({
            results: Type.Array(ResultSchema),
            redemption: Type.Optional(Type.Object({ transactionId: Id, amount: AmountOut })),
          }),
          ...problems(400, 401, 403, 409, 413, 422, 503),
        },
      },
    },
    async (request, reply) => {
      const callerId = request.principal.id;
      const { transfers, redeem = false } = request.body;
      const idempotency = readIdempotency(request, callerId);
      const origin = originOf(request, callerId);
      const outcome = await sync.sync({ callerId, transfers, redeem, idempotency, origin });
      markReplayed(reply, outcome.replayed);
      if (outcome.kind === 'refused') throw refusalProblem(outcome);
      const { results, redemption } = outcome;
      return { results: results.map(presentResult), ...(redemption === undefined ? {} : { redemption }) };
    },
  );
}

function policyRoute(app: TypedApp, { authenticate, policy }: TokenTransferRoutesOptions): void {
  const { currency, maxAmountMinor, ttlSeconds, maxHops, safetyMarginSeconds, expiryGraceSeconds } = policy;
  const answer = {
    currency,
    maxAmount: maxAmountMinor.toString(),
    ttlSeconds,
    maxHops,
    maxOutputs: mostOutputs,
    safetyMarginSeconds,
    expiryGraceSeconds,
  };
  app.get(
    '/tokens/policy',
    {
      onRequest: authenticate(),
      schema: {
        tags: ['tokens'],
        summary: 'The limits that a device should know before it goes offline',
        security: bearer,
        response: {
          200: Type.Object({
            currency: Currency,
            maxAmount: AmountOut,
            ttlSeconds: Type.Integer(),
            maxHops: Type.Integer(),
            maxOutputs: Type.Integer(),
            safetyMarginSeconds: Type.Integer(),
            expiryGraceSeconds: Type.Integer(),
          }),
          ...problems(401),
        },
      },
    },
    async () => answer,
  );
}

function presentResult({
  transactionIds = [],
  ...result
}: TransferResult): TransferResult & { transactionId?: string } {
  const [transactionId, ...others] = transactionIds;
  return {
    ...result,
    ...(transactionId === undefined ? {} : { transactionId }),
    ...(others.length === 0 ? {} : { transactionIds }),
  };
}
