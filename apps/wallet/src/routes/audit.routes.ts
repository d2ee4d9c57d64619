import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { AuditPosition } from '../audit/audit-page.js';
import { readAuditPage } from '../audit/audit-page.js';
import type { Queryable } from '../ledger/queryable.js';
import type { Authenticate } from './authentication.js';
import { Moment, readRange } from './moments.js';
import { Problem } from './problem.js';
import { bearer, closed, Id, nullable, problems, Time } from './schemas.js';

export interface AuditRoutesOptions {
  authenticate: Authenticate;
  database: Queryable;
}

const AuditQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
    cursor: Type.Optional(Type.String({ maxLength: 100 })),
    userId: Type.Optional(Id),
    action: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_./: -]{1,100}$', examples: ['user.freeze'] })),
    from: Type.Optional(Moment('from')),
    to: Type.Optional(Moment('to')),
  },
  closed,
);

const AuditEntrySchema = Type.Object(
  {
    id: Id,
    at: Time,
    action: Type.String(),
    actorId: nullable(Id),
    userId: nullable(Id),
    transactionId: nullable(Id),
    address: nullable(Type.String()),
    userAgent: nullable(Type.String()),
    correlationId: nullable(Type.String()),
    detail: nullable(Type.Record(Type.String(), Type.Unknown())),
  },
  { title: 'AuditEntry' },
);

/** `GET /admin/audit`: who did what, when, from where; newest first, page by page. */
export const auditRoutes: FastifyPluginAsyncTypebox<AuditRoutesOptions> = async (app, { authenticate, database }) => {
  app.get(
    '/admin/audit',
    {
      onRequest: authenticate('operator'),
      schema: {
        tags: ['operator'],
        summary: 'Who did what, when, from where',
        description: '`userId` finds what a user did and what was done to them.',
        security: bearer,
        querystring: AuditQuery,
        response: {
          200: Type.Object({
            data: Type.Array(AuditEntrySchema),
            pagination: Type.Object({
              limit: Type.Integer(),
              hasNext: Type.Boolean(),
              nextCursor: nullable(Type.String()),
            }),
          }),
          ...problems(400, 401, 403, 429),
        },
      },
    },
    async (request, reply) => {
      const { limit, cursor, userId, action, from, to } = request.query;
      const found = await readAuditPage(database, {
        limit,
        ...(cursor === undefined ? {} : { after: readCursor(cursor) }),
        ...(userId === undefined ? {} : { userId }),
        ...(action === undefined ? {} : { action }),
        ...readRange({ from, to }),
      });
      const data = found.slice(0, limit);
      const last = data.at(-1);
      const nextCursor = found.length > limit && last !== undefined ? writeCursor(last) : null;
      reply.header('cache-control', 'no-store');
      return {
        data: data.map((entry) => ({ ...entry, at: entry.at.toISOString() })),
        pagination: { limit, hasNext: nextCursor !== null, nextCursor },
      };
    },
  );
};

const cursorForm = /^(\d{1,15})\.([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})$/;

const writeCursor = ({ at, id }: AuditPosition): string => Buffer.from(`${at.getTime()}.${id}`).toString('base64url');

function readCursor(cursor: string): AuditPosition {
  const [, at, id] = cursorForm.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  const time = new Date(Number(at));
  if (id === undefined || Number.isNaN(time.getTime())) {
    throw new Problem(400, 'invalid_request', 'The cursor is none that this list gave.', {
      errors: [{ path: '/cursor', message: 'is none that this list gave' }],
    });
  }
  return { at: time, id };
}
