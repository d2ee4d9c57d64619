import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Accounts } from '../accounts/accounts.js';
import { ProfileSchema } from './account-schemas.js';
import type { Authenticate } from './authentication.js';
import { Problem } from './problem.js';
import { bearer, problems } from './schemas.js';

export interface UserRoutesOptions {
  accounts: Pick<Accounts, 'profile'>;
  authenticate: Authenticate;
}

/** `GET /users/me`. */
export const userRoutes: FastifyPluginAsyncTypebox<UserRoutesOptions> = async (app, { accounts, authenticate }) => {
  app.get(
    '/users/me',
    {
      onRequest: authenticate(),
      schema: {
        summary: 'Who am I',
        tags: ['accounts'],
        security: bearer,
        response: { 200: ProfileSchema, ...problems(401, 503) },
      },
    },
    async (request, reply) => {
      const profile = await accounts.profile(request.principal.id);
      // The principal was there a moment ago; users are deactivated, never deleted.
      if (profile === undefined) throw new Problem(401, 'invalid_token', 'The access token is not valid.');
      reply.header('cache-control', 'no-store');
      const { id, email, role, isActive, createdAt, devicePublicKey } = profile;
      return { id, email, role, isActive, createdAt: createdAt.toISOString(), devicePublicKey };
    },
  );
};
