import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { AccessClaims, AccessTokenCheck } from '../accounts/access-tokens.js';
import type { PrincipalState, Role } from '../accounts/user.js';
import { Problem } from './problem.js';

/** Who asks. */
export interface Principal {
  readonly id: string;
  readonly role: Role;
  /** May read, but not move money. */
  readonly isFrozen: boolean;
}

const admitted = Symbol('principal');

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, on routes that `authenticate` guards. Read anywhere else it throws: that is a bug, and must not pass as nobody. */
    readonly principal: Principal;
    [admitted]: Principal | null;
  }
}

/** Nobody is undefined, or null out of a cache, which keeps no undefined. */
type KnownPrincipal = PrincipalState | null | undefined;

export interface AuthenticationOptions {
  accessTokens: { check(token: string): AccessTokenCheck };
  /**
   * The principal as it is now, not as it was when the token was issued: a deactivated one is refused though its token is good.
   * Called for each authenticated request, so it should come from a strict cache; an answer at once costs no turn of the loop.
   */
  loadPrincipal(userId: string): KnownPrincipal | Promise<KnownPrincipal>;
}

/** Makes an `onRequest` hook that lets in the given roles only; every role when none is given. */
export type Authenticate = (...roles: Role[]) => onRequestHookHandler;

/**
 * Prepares `app` and gives what its routes guard themselves with. Refusals are problems: 401 without a token that is honoured,
 * 403 for the wrong role.
 */
export function installAuthentication(app: FastifyInstance, options: AuthenticationOptions): Authenticate {
  app.decorateRequest(admitted, null);
  app.decorateRequest('principal', {
    getter(this: FastifyRequest) {
      if (this[admitted] === null) throw new Error(`${this.routeOptions.url ?? this.url} is not authenticated`);
      return this[admitted];
    },
  });
  return (...roles) =>
    (request, _reply, done) => {
      const check = checkToken(request, options);
      if (check instanceof Problem) return done(check);
      const admit = (state: KnownPrincipal): void => {
        const admission = toPrincipal(check, state, roles);
        if (admission instanceof Problem) return done(admission);
        request[admitted] = admission;
        done();
      };
      const state = options.loadPrincipal(check.userId);
      if (state instanceof Promise) state.then(admit, done);
      else admit(state);
    };
}

/** Who asks, where nobody need: rate limits and logs on routes that anybody may call. */
export function principalIfAny(request: FastifyRequest): Principal | undefined {
  return request[admitted] ?? undefined;
}

function checkToken(request: FastifyRequest, options: AuthenticationOptions): AccessClaims | Problem {
  const header = request.headers.authorization;
  if (header === undefined)
    return new Problem(401, 'authentication_required', 'Send an access token: Authorization: Bearer …');
  if (header.length < 8 || header.slice(0, 7).toLowerCase() !== 'bearer ') return invalidToken();
  const check = options.accessTokens.check(header.slice(7));
  switch (check.kind) {
    case 'ok':
      return check.claims;
    case 'expired':
      return new Problem(401, 'token_expired', 'The access token has expired; log in again.');
    case 'invalid':
      return invalidToken();
  }
}

/** Whether the token is from before a deactivation: its bearer has to log in again, though the user was let back in. */
export function isOutlived(claims: AccessClaims, state: PrincipalState): boolean {
  return claims.generation < (state.tokenGeneration ?? 0);
}

function toPrincipal(claims: AccessClaims, state: KnownPrincipal, roles: readonly Role[]): Principal | Problem {
  // A token outlives its user only when the database was exchanged under the same keys: it is nobody's.
  if (state === undefined || state === null) return invalidToken();
  if (!state.isActive) return new Problem(401, 'account_deactivated', 'This account was deactivated.');
  if (isOutlived(claims, state)) return invalidToken();
  if (roles.length > 0 && !roles.includes(state.role)) {
    return new Problem(403, 'forbidden', `This needs the role ${roles.join(' or ')}.`);
  }
  return { id: claims.userId, role: state.role, isFrozen: state.isFrozen };
}

function invalidToken(): Problem {
  return new Problem(401, 'invalid_token', 'The access token is not valid.');
}
