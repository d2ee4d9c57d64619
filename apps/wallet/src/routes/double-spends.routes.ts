import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Queryable } from '../ledger/queryable.js';
import { readEvidence, readFlaggedSigners } from '../tokens/evidence.js';
import type { Authenticate } from './authentication.js';
import { bearer, closed, Id, nullable, problems, Time, TokenStatusSchema, words } from './schemas.js';

export interface DoubleSpendRoutesOptions {
  authenticate: Authenticate;
  database: Queryable;
}

const Limit = Type.Integer({ minimum: 1, maximum: 100, default: 20 });
const KeyId = Type.String({ minLength: 43, maxLength: 43 });
const Pagination = Type.Object({
  limit: Type.Integer(),
  hasNext: Type.Boolean(),
  nextCursor: nullable(Type.String()),
});

const EvidenceSchema = Type.Object({
  id: Id,
  code: words(['double_spend', 'expired_refunded', 'key_revoked']),
  seenAt: Time,
  tokenId: Id,
  tokenStatus: TokenStatusSchema,
  signerKeyId: KeyId,
  signerId: Id,
  presentedBy: Id,
  refused: Type.String({ description: 'The refused transfer as it was received, signed' }),
  accepted: nullable(Type.String({ description: 'The transfer of the same token that was accepted, signed' })),
});

const FlaggedSchema = Type.Object({
  keyId: KeyId,
  userId: Id,
  firstAt: Time,
  lastAt: Time,
  refusals: Type.Integer(),
});

/** `GET /admin/double-spends` and `GET /admin/flagged-signers`: who promised the same money twice, with the proof. */
export const doubleSpendRoutes: FastifyPluginAsyncTypebox<DoubleSpendRoutesOptions> = async (app, options) => {
  const { authenticate, database } = options;
  const shared = { tags: ['operator'], security: bearer };

  app.get(
    '/admin/double-spends',
    {
      onRequest: authenticate('operator'),
      schema: {
        ...shared,
        summary: 'Transfers that were refused for what their signer did, with the proof, newest first',
        querystring: Type.Object({ limit: Limit, cursor: Type.Optional(Id), signerId: Type.Optional(Id) }, closed),
        response: {
          200: Type.Object({ data: Type.Array(EvidenceSchema), pagination: Pagination }),
          ...problems(400, 401, 403),
        },
      },
    },
    async (request) => {
      const { limit, cursor, signerId } = request.query;
      const found = await readEvidence(database, { limit, beforeId: cursor ?? null, signerId: signerId ?? null });
      const data = found.slice(0, limit).map((one) => ({ ...one, seenAt: one.seenAt.toISOString() }));
      return { data, pagination: pagination(limit, found.length, data.at(-1)?.id) };
    },
  );

  app.get(
    '/admin/flagged-signers',
    {
      onRequest: authenticate('operator'),
      schema: {
        ...shared,
        summary: 'Device keys that signed what was refused for it',
        querystring: Type.Object({ limit: Limit, cursor: Type.Optional(KeyId) }, closed),
        response: {
          200: Type.Object({ data: Type.Array(FlaggedSchema), pagination: Pagination }),
          ...problems(400, 401, 403),
        },
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const found = await readFlaggedSigners(database, { limit, afterKeyId: cursor ?? null });
      const data = found.slice(0, limit).map((one) => ({
        ...one,
        firstAt: one.firstAt.toISOString(),
        lastAt: one.lastAt.toISOString(),
        refusals: Number(one.refusals),
      }));
      return { data, pagination: pagination(limit, found.length, data.at(-1)?.keyId) };
    },
  );
};

function pagination(limit: number, found: number, last: string | undefined) {
  const hasNext = found > limit;
  return { limit, hasNext, nextCursor: hasNext ? (last ?? null) : null };
}
