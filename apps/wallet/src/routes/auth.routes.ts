import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type, type Static } from 'typebox';
import type { AccessTokens } from '../accounts/access-tokens.js';
import type { Accounts, LoginOutcome, RegistrationOutcome } from '../accounts/accounts.js';
import { passwordLength } from '../accounts/passwords.js';
import type { Sessions } from '../accounts/sessions.js';
import type { User } from '../accounts/user.js';
import { DeviceKeyIn, SessionSchema } from './account-schemas.js';
import { auditOriginOf } from './operator-audit.js';
import { Problem } from './problem.js';
import { closed, problems } from './schemas.js';
import { deactivated, tokenPair } from './sessions.routes.js';

export interface AuthRoutesOptions {
  accounts: Pick<Accounts, 'register' | 'login'>;
  accessTokens: Pick<AccessTokens, 'issue' | 'lifetimeSeconds'>;
  sessions: Pick<Sessions, 'open'>;
}

/** Longer than any address or password that is accepted: what is over it is refused by the schema, before any work. */
const Email = Type.String({ minLength: 1, maxLength: 320, examples: ['ada@example.org'] });
const Password = Type.String({ maxLength: 1024 });

const RegisterBody = Type.Object(
  {
    email: Email,
    password: Type.String({
      maxLength: 1024,
      description: `${passwordLength.min} to ${passwordLength.max} characters`,
    }),
    devicePublicKey: Type.Optional(DeviceKeyIn),
  },
  closed,
);
const LoginBody = Type.Object({ email: Email, password: Password }, closed);

/** `POST /auth/register` and `POST /auth/login`; both open a session. */
export const authRoutes: FastifyPluginAsyncTypebox<AuthRoutesOptions> = async (app, options) => {
  const { accounts, accessTokens, sessions } = options;
  // Each try costs a core some 20 ms, and may be a guess at a password.
  const config = { limit: 'auth' } as const;

  const openSession = async (
    request: FastifyRequest,
    reply: FastifyReply,
    user: User,
    action: 'account.login' | 'account.register',
  ): Promise<Static<typeof SessionSchema>> => {
    const { id, email, role, createdAt } = user;
    const session = await sessions.open(id, auditOriginOf(request, id), action);
    // The user was deactivated between the check of the password and here.
    if (session.kind === 'deactivated') throw deactivated();
    return {
      user: { id, email, role, createdAt: createdAt.toISOString() },
      ...tokenPair(reply, accessTokens, { id, role }, session),
    };
  };

  app.post(
    '/auth/register',
    {
      config,
      schema: {
        summary: 'Register',
        tags: ['accounts'],
        body: RegisterBody,
        response: { 201: SessionSchema, ...problems(400, 401, 409, 429, 503) },
      },
    },
    async (request, reply) => {
      const outcome = await accounts.register(request.body);
      if (outcome.kind !== 'registered') throw registrationProblem(outcome);
      return reply.code(201).send(await openSession(request, reply, outcome.user, 'account.register'));
    },
  );

  app.post(
    '/auth/login',
    {
      config,
      schema: {
        summary: 'Log in',
        tags: ['accounts'],
        body: LoginBody,
        response: { 200: SessionSchema, ...problems(400, 401, 429, 503) },
      },
    },
    async (request, reply) => {
      const outcome = await accounts.login(request.body.email, request.body.password);
      if (outcome.kind !== 'welcome') throw loginProblem(outcome);
      return openSession(request, reply, outcome.user, 'account.login');
    },
  );
};

function registrationProblem(outcome: Exclude<RegistrationOutcome, { kind: 'registered' }>): Problem {
  switch (outcome.kind) {
    case 'invalid':
      return new Problem(400, 'invalid_request', `The body is invalid: ${outcome.path} ${outcome.reason}.`, {
        errors: [{ path: outcome.path, message: outcome.reason }],
      });
    case 'email_taken':
      return new Problem(409, 'email_taken', 'There is an account with this address already.');
    case 'device_key_taken':
      return new Problem(409, 'device_key_taken', 'This device key belongs to another account already.');
    case 'busy':
      return overloaded();
  }
}

function loginProblem(outcome: Exclude<LoginOutcome, { kind: 'welcome' }>): Problem {
  switch (outcome.kind) {
    case 'bad_credentials':
      return new Problem(401, 'bad_credentials', 'The address or the password is wrong.');
    case 'deactivated':
      return deactivated();
    case 'busy':
      return overloaded();
  }
}

function overloaded(): Problem {
  return new Problem(503, 'overloaded', 'Too many passwords are being checked; try again.', { retryAfterSeconds: 2 });
}
