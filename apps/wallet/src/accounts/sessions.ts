import { auditValues, unattended, type AuditOrigin } from '../audit/audit-log.js';
import type { Queryable } from '../keys/queryable.js';
import { endSession, openSession, rotateSession, sessionOfDeactivated } from './sessions-statements.js';
import { newFamilyId, newRefreshToken, parseRefreshToken } from './sessions-token.js';
import type { Role } from './user.js';

export interface SessionsOptions {
  /** How long a refresh token can be used; each rotation begins anew. */
  lifetimeSeconds: number;
}

/** Live sessions of one user; one more ends the one that was refreshed longest ago. */
export const maxSessions = 50;

export type OpeningOutcome =
  | { kind: 'opened'; refreshToken: string; tokenGeneration: number }
  /** There is no such user, or not any longer. */
  | { kind: 'deactivated' };

export type RefreshOutcome =
  | { kind: 'refreshed'; userId: string; role: Role; refreshToken: string; tokenGeneration: number }
  /** The token was used before (or has the right family and a made-up secret). The family was live, and is ended now. */
  | { kind: 'reused'; userId: string }
  /** Malformed, unknown, expired, or of a family that has ended. */
  | { kind: 'invalid' }
  /** The last token of a user who was deactivated. */
  | { kind: 'deactivated' };

/**
 * Sessions that outlive an access token: a family of refresh tokens, each good once, kept in the database and so the same on every instance.
 *
 * A token that comes a second time ends its family, with no grace, not even for a client that sends one request twice: whether the thief
 * or the owner was first cannot be told, and a grace would be the thief's as well. The price: a client that loses the answer of a
 * refresh, or refreshes from two places at once, has to log in again. Clients therefore refresh one at a time.
 *
 * An access token that is out is not called back by the end of its session; it lasts until its own expiry. A deactivation refuses both, for good.
 */
export class Sessions {
  constructor(
    private readonly database: Queryable,
    private readonly options: SessionsOptions,
  ) {}

  /** A new family for a user who has just proved who it is. One statement. */
  async open(
    userId: string,
    origin: AuditOrigin = unattended,
    action: 'account.login' | 'account.register' = 'account.login',
  ): Promise<OpeningOutcome> {
    const token = newRefreshToken(newFamilyId());
    const { lifetimeSeconds } = this.options;
    const audit = auditValues({ action, origin });
    const values = [token.familyId, userId, token.hash, lifetimeSeconds, maxSessions - 1, ...audit];
    const { rows } = await this.database.query<{ tokenGeneration: number }>(openSession, values);
    const [opened] = rows;
    if (opened === undefined) return { kind: 'deactivated' };
    return { kind: 'opened', refreshToken: token.text, tokenGeneration: opened.tokenGeneration };
  }

  /** Takes a token for the next of its family; of many calls with one token at most one is `refreshed`. One statement, and a second to refuse. */
  async refresh(refreshToken: string): Promise<RefreshOutcome> {
    const presented = parseRefreshToken(refreshToken);
    if (presented === undefined) return { kind: 'invalid' };
    const { familyId, hash } = presented;
    const next = newRefreshToken(familyId);
    const values = [familyId, hash, next.hash, this.options.lifetimeSeconds];
    const { rows } = await this.database.query<RotatedRow>(rotateSession, values);
    const [family] = rows;
    if (family === undefined) {
      // A statement of its own, after the other: its snapshot has the deactivation that the rotation may have waited for.
      const { rowCount } = await this.database.query(sessionOfDeactivated, [familyId, hash]);
      return { kind: rowCount === 0 ? 'invalid' : 'deactivated' };
    }
    const { userId, rotated, ...owner } = family;
    return rotated ? { kind: 'refreshed', userId, ...owner, refreshToken: next.text } : { kind: 'reused', userId };
  }

  /** Ends the family of this token, also by an older token of it. Says nothing of whether there was one, and may be repeated. One statement. */
  async end(refreshToken: string, origin: AuditOrigin = unattended): Promise<void> {
    const presented = parseRefreshToken(refreshToken);
    if (presented === undefined) return;
    await this.database.query(endSession, [presented.familyId, ...auditValues({ action: 'account.logout', origin })]);
  }
}

interface RotatedRow {
  userId: string;
  role: Role;
  tokenGeneration: number;
  rotated: boolean;
}
