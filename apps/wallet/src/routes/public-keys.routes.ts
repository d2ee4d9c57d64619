import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type, type Static } from 'typebox';
import type { ResponsePolicies } from '../caching/response-policies.js';
import type { JwksKey } from '../keys/jwks.js';
import type { PublicKey, PublicKeyPage } from '../keys/public-keys.js';
import { JwksSchema, PublicKeySchema } from './account-schemas.js';
import type { Authenticate } from './authentication.js';
import { Problem } from './problem.js';
import { bearer, closed, Id, problems } from './schemas.js';

export interface PublicKeyRoutesOptions {
  /** `PublicKeyDatabase`, or what caches it. */
  publicKeys: {
    page(after: string, limit: number): Promise<PublicKeyPage>;
    ofUser(userId: string): Promise<PublicKey[] | undefined>;
  };
  /** The issuer's set as it is now. */
  jwks(): { keys: JwksKey[] };
  authenticate: Authenticate;
  policies: ResponsePolicies;
}

const largestPage = 1000;
/** How many keys a page has unless the client asks for another number. */
export const defaultPage = 500;
/** How long clients may keep the issuer's set. A new key is published longer than this before it signs. */
const jwksMaxAgeSeconds = 300;

const PageQuery = Type.Object(
  {
    since: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Only what changed after this version',
      }),
    ),
    limit: Type.Integer({ minimum: 1, maximum: largestPage, default: defaultPage }),
    cursor: Type.Optional(Type.String({ maxLength: 64, description: 'nextCursor of the page before' })),
  },
  closed,
);

const PageSchema = Type.Object({
  version: Type.Integer({ description: 'The `since` of whoever has read up to the last page' }),
  keys: Type.Array(PublicKeySchema),
  nextCursor: Type.Optional(Type.String()),
});

/** `GET /public-keys`, `GET /public-keys/:userId` and `GET /.well-known/jwks.json`. */
export const publicKeyRoutes: FastifyPluginAsyncTypebox<PublicKeyRoutesOptions> = async (app, options) => {
  const { publicKeys, jwks, authenticate } = options;
  const config = { responseCache: options.policies.publicKeys };
  const tags = ['public keys'];

  app.get(
    '/public-keys',
    {
      onRequest: authenticate(),
      config,
      schema: {
        summary: 'The public-key database, or what changed in it',
        tags,
        security: bearer,
        querystring: PageQuery,
        response: { 200: PageSchema, ...problems(400, 401, 503) },
      },
    },
    async (request) => {
      const { since, limit, cursor } = request.query;
      return presentPage(await publicKeys.page(cursor === undefined ? String(since ?? 0) : readCursor(cursor), limit));
    },
  );

  app.get(
    '/public-keys/:userId',
    {
      onRequest: authenticate(),
      config,
      schema: {
        summary: 'The keys of one user, newest first',
        tags,
        security: bearer,
        params: Type.Object({ userId: Id }, closed),
        response: { 200: Type.Object({ keys: Type.Array(PublicKeySchema) }), ...problems(400, 401, 404, 503) },
      },
    },
    async (request) => {
      const keys = await publicKeys.ofUser(request.params.userId);
      if (keys === undefined) throw new Problem(404, 'user_not_found', 'There is no such user.');
      return { keys: keys.map(presentKey) };
    },
  );

  app.get(
    '/.well-known/jwks.json',
    { schema: { summary: "The issuer's key set", tags, response: { 200: JwksSchema } } },
    async (_request, reply) => {
      reply.header('cache-control', `public, max-age=${jwksMaxAgeSeconds}`);
      return jwks();
    },
  );
};

/** A page as it is answered; also what is warmed. */
export function presentPage(page: PublicKeyPage): Static<typeof PageSchema> {
  return {
    version: Number(page.version),
    keys: page.keys.map(presentKey),
    ...(page.nextVersion === undefined ? {} : { nextCursor: writeCursor(page.nextVersion) }),
  };
}

function presentKey(key: PublicKey): Static<typeof PublicKeySchema> {
  const { createdAt, revokedAt, ...rest } = key;
  return {
    ...rest,
    createdAt: createdAt.toISOString(),
    ...(revokedAt === undefined ? {} : { revokedAt: revokedAt.toISOString() }),
  };
}

/** Opaque to clients, so that what it holds may change. */
function writeCursor(version: string): string {
  return Buffer.from(`v${version}`).toString('base64url');
}

function readCursor(cursor: string): string {
  const version = /^v(0|[1-9][0-9]{0,17})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.[1];
  if (version === undefined) {
    throw new Problem(400, 'invalid_request', 'The query is invalid: /cursor is none that was given out.', {
      errors: [{ path: '/cursor', message: 'is none that was given out' }],
    });
  }
  return version;
}
