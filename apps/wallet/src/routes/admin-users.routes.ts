import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Accounts } from '../accounts/accounts.js';
import type { StandingChange } from '../accounts/standing.js';
import { StandingSchema } from './account-schemas.js';
import type { Authenticate } from './authentication.js';
import { auditOriginOf } from './operator-audit.js';
import { Problem } from './problem.js';
import { bearer, closed, Id, problems } from './schemas.js';

export interface AdminUserRoutesOptions {
  accounts: Pick<Accounts, 'changeStanding'>;
  authenticate: Authenticate;
  /** Awaited before the answer: resolves when no instance honours what it knew of the user before. */
  afterChange(userId: string): Promise<void>;
}

const summaries: Readonly<Record<StandingChange, string>> = {
  freeze: 'Let a user read, but not move money',
  unfreeze: 'Let a frozen user move money again',
  deactivate: 'Let a user do nothing more',
  reactivate: 'Let a user back in who was deactivated; they have to log in again',
};

/** `POST /admin/users/:id/freeze`, `/unfreeze`, `/deactivate` and `/reactivate`. */
export const adminUserRoutes: FastifyPluginAsyncTypebox<AdminUserRoutesOptions> = async (app, options) => {
  const { accounts, authenticate, afterChange } = options;
  for (const change of ['freeze', 'unfreeze', 'deactivate', 'reactivate'] as const) {
    app.post(
      `/admin/users/:id/${change}`,
      {
        onRequest: authenticate('operator'),
        config: { auditsItself: true },
        schema: {
          summary: summaries[change],
          tags: ['administration'],
          security: bearer,
          params: Type.Object({ id: Id }, closed),
          response: { 200: StandingSchema, ...problems(400, 401, 403, 404, 409, 503) },
        },
      },
      async (request) => {
        // A UUID may come in capitals; it is told apart and remembered by its canonical form.
        const id = request.params.id.toLowerCase();
        const outcome = await accounts.changeStanding(change, id, auditOriginOf(request, request.principal.id));
        if (outcome.kind === 'user_not_found') throw new Problem(404, 'user_not_found', 'There is no such user.');
        if (outcome.kind === 'own_account') {
          throw new Problem(409, 'own_account', 'Operators cannot change their own standing; ask another operator.');
        }
        await afterChange(id);
        request.log.info({ userId: id, operatorId: request.principal.id, change }, 'a user has another standing');
        const { user } = outcome;
        return { ...user, createdAt: user.createdAt.toISOString(), frozenAt: user.frozenAt?.toISOString() ?? null };
      },
    );
  }
};
