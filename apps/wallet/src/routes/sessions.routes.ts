import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { Type, type Static } from 'typebox';
import type { AccessTokens } from '../accounts/access-tokens.js';
import type { RefreshOutcome, Sessions } from '../accounts/sessions.js';
import type { Role } from '../accounts/user.js';
import { TokenPairSchema } from './account-schemas.js';
import { auditOriginOf } from './operator-audit.js';
import { Problem } from './problem.js';
import { closed, problems } from './schemas.js';

export interface SessionRoutesOptions {
  accessTokens: Pick<AccessTokens, 'issue' | 'lifetimeSeconds'>;
  sessions: Pick<Sessions, 'refresh' | 'end'>;
}

/** Any text: one that cannot be a token is answered like one that is unknown. */
const RefreshBody = Type.Object({ refreshToken: Type.String({ maxLength: 1024 }) }, closed);

/** `POST /auth/refresh` and `POST /auth/logout`. */
export const sessionRoutes: FastifyPluginAsyncTypebox<SessionRoutesOptions> = async (app, options) => {
  const { accessTokens, sessions } = options;

  app.post(
    '/auth/refresh',
    {
      config: { limit: 'auth' },
      schema: {
        summary: 'Take a refresh token for a new pair of tokens',
        description:
          'Each refresh token is good once. One that comes again ends its session, so refresh one at a time.',
        tags: ['accounts'],
        body: RefreshBody,
        response: { 200: TokenPairSchema, ...problems(400, 401, 429, 503) },
      },
    },
    async (request, reply) => {
      const outcome = await sessions.refresh(request.body.refreshToken);
      if (outcome.kind === 'reused') {
        request.log.warn({ userId: outcome.userId }, 'A refresh token was used again; its session was ended');
      }
      if (outcome.kind !== 'refreshed') throw refreshProblem(outcome);
      return tokenPair(reply, accessTokens, { id: outcome.userId, role: outcome.role }, outcome);
    },
  );

  app.post(
    '/auth/logout',
    {
      schema: {
        summary: 'End the session of a refresh token',
        description: '204 whether there was such a session or not. Access tokens that are out last until they expire.',
        tags: ['accounts'],
        body: RefreshBody,
        response: { 204: Type.Null(), ...problems(400, 429, 503) },
      },
    },
    async (request, reply) => {
      await sessions.end(request.body.refreshToken, auditOriginOf(request, null));
      return reply.code(204).send(null);
    },
  );
};

/** An access token of this user beside its refresh token, and the order that nobody keep them on the way. */
export function tokenPair(
  reply: FastifyReply,
  accessTokens: SessionRoutesOptions['accessTokens'],
  user: { id: string; role: Role },
  { refreshToken, tokenGeneration }: { refreshToken: string; tokenGeneration: number },
): Static<typeof TokenPairSchema> {
  reply.header('cache-control', 'no-store');
  return {
    accessToken: accessTokens.issue(user.id, user.role, tokenGeneration),
    expiresIn: accessTokens.lifetimeSeconds,
    refreshToken,
  };
}

/** The user may neither log in nor go on. */
export function deactivated(): Problem {
  return new Problem(401, 'account_deactivated', 'This account was deactivated.');
}

function refreshProblem(outcome: Exclude<RefreshOutcome, { kind: 'refreshed' }>): Problem {
  switch (outcome.kind) {
    // Told alike: a thief does not learn that the token was once good.
    case 'reused':
    case 'invalid':
      return new Problem(
        401,
        'invalid_refresh_token',
        'This refresh token is not good, or not any longer. Log in again.',
      );
    case 'deactivated':
      return deactivated();
  }
}
