import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { IssuerKeyChanges } from '../caching/issuer-key-changes.js';
import type { IssuerKeyState } from '../keys/rotate-issuer-key.js';
import type { Authenticate } from './authentication.js';
import { Problem } from './problem.js';
import { bearer, closed, nullable, problems, Time, words } from './schemas.js';

export interface AdminKeyRoutesOptions {
  authenticate: Authenticate;
  keys: IssuerKeyChanges;
}

const KeyId = Type.String({ minLength: 43, maxLength: 43 });
const KeysSchema = Type.Object({
  keys: Type.Array(
    Type.Object({
      id: KeyId,
      state: words(['next', 'signing', 'retired', 'revoked']),
      createdAt: Time,
      signsFrom: Time,
      verifiesUntil: nullable(Time),
    }),
  ),
});

/** The issuer's keys: what there is, the next one, and giving one up at once. */
export const adminKeyRoutes: FastifyPluginAsyncTypebox<AdminKeyRoutesOptions> = async (app, { authenticate, keys }) => {
  const shared = { tags: ['operator'], security: bearer };
  const answer = async () => ({ keys: (await keys.list()).map(presentKey) });

  app.get(
    '/admin/keys',
    {
      onRequest: authenticate('operator'),
      schema: { ...shared, summary: "The issuer's keys", response: { 200: KeysSchema, ...problems(401, 403) } },
    },
    answer,
  );

  app.post(
    '/admin/keys/rotate',
    {
      onRequest: authenticate('operator'),
      schema: {
        ...shared,
        summary: 'Publish the next issuer key; it signs when its lead is over, and the one before goes on verifying',
        response: { 200: KeysSchema, ...problems(401, 403, 409) },
      },
    },
    async () => {
      const outcome = await keys.rotate();
      if (outcome.kind === 'under_way') {
        throw new Problem(409, 'rotation_under_way', `The key ${outcome.keyId} is published and has not signed yet.`);
      }
      return answer();
    },
  );

  app.post(
    '/admin/keys/:keyId/revoke',
    {
      onRequest: authenticate('operator'),
      schema: {
        ...shared,
        summary: 'Give an issuer key up at once: nothing that it signed verifies any more',
        params: Type.Object({ keyId: KeyId }, closed),
        response: { 200: KeysSchema, ...problems(400, 401, 403, 404, 409) },
      },
    },
    async (request) => {
      const outcome = await keys.revoke(request.params.keyId);
      if (outcome.kind === 'no_key') throw new Problem(404, 'issuer_key_not_found', 'There is no such issuer key.');
      if (outcome.kind === 'revoked_before') throw new Problem(409, 'already_revoked', 'This key was revoked before.');
      return answer();
    },
  );
};

function presentKey({ id, state, createdAt, signsFrom, verifiesUntil }: IssuerKeyState) {
  return {
    id,
    state,
    createdAt: createdAt.toISOString(),
    signsFrom: signsFrom.toISOString(),
    verifiesUntil: verifiesUntil?.toISOString() ?? null,
  };
}
