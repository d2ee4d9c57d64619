import { createSigner, createVerifier, TokenError } from 'fast-jwt';
import { v7 as uuidv7, validate as isUuid } from 'uuid';
import type { AccessTokenKey } from '../keys/keyring.js';
import { roles, type Role } from './user.js';
import { VerifiedTokens, type Expiring } from './verified-tokens.js';

export interface AccessTokenOptions {
  signingKey: AccessTokenKey;
  /** Every key that a token in circulation may carry, the signing one included. */
  verifyingKeys: readonly AccessTokenKey[];
  /** How long a token lives. 900 by default. */
  lifetimeSeconds?: number;
  /** `iss` and `aud` of every token, and required in each that comes back. `dunlin` by default. */
  issuer?: string;
  audience?: string;
  /** How many checked tokens are remembered. 20000 by default, some 15 MB at most. */
  rememberedTokens?: number;
  clock?: { wallMs(): number };
}

export interface AccessClaims extends Expiring {
  readonly userId: string;
  readonly role: Role;
  readonly tokenId: string;
  /** Each deactivation of a user begins the next; 0 at first, when the token does not say. */
  readonly generation: number;
}

export type AccessTokenCheck =
  | { kind: 'ok'; claims: AccessClaims }
  | { kind: 'expired' }
  /** Malformed, of an unknown key, of another algorithm, or not signed by us. */
  | { kind: 'invalid' };

const maxTokenLength = 2_048;
const invalid: AccessTokenCheck = { kind: 'invalid' };
const expired: AccessTokenCheck = { kind: 'expired' };

/** Access tokens: JWT, HS256, signed and verified with the keys that all instances share. */
export class AccessTokens {
  readonly lifetimeSeconds: number;
  private readonly sign: (claims: Record<string, unknown>) => string;
  private readonly verifiers: ReadonlyMap<string, (token: string) => unknown>;
  private readonly remembered: VerifiedTokens<AccessClaims>;
  private readonly clock: { wallMs(): number };

  constructor(options: AccessTokenOptions) {
    this.lifetimeSeconds = options.lifetimeSeconds ?? 900;
    this.clock = options.clock ?? { wallMs: Date.now };
    this.remembered = new VerifiedTokens(options.rememberedTokens ?? 20_000);
    const [iss, aud] = [options.issuer ?? 'dunlin', options.audience ?? 'dunlin'];
    const { signingKey } = options;
    this.sign = createSigner<Record<string, unknown>>({
      key: signingKey.secret,
      algorithm: 'HS256',
      kid: signingKey.id,
      iss,
      aud,
    });
    this.verifiers = new Map(options.verifyingKeys.map((key) => [key.id, verifierFor(key, iss, aud)]));
  }

  /** A token for this user, good for `lifetimeSeconds` while the user's generation is this one. About 5 µs. */
  issue(userId: string, role: Role, generation = 0): string {
    const iat = Math.floor(this.clock.wallMs() / 1000);
    const gen = generation === 0 ? {} : { gen: generation };
    return this.sign({ sub: userId, role, ...gen, iat, exp: iat + this.lifetimeSeconds, jti: uuidv7() });
  }

  /** Whose token this is. Some 5 µs for the first time, under 1 µs afterwards; never `ok` past its expiry. */
  check(token: string): AccessTokenCheck {
    const nowMs = this.clock.wallMs();
    const known = this.remembered.get(token, nowMs);
    if (known !== undefined) return { kind: 'ok', claims: known };
    if (token.length > maxTokenLength) return invalid;
    const claims = this.verify(token);
    if (claims === undefined) return invalid;
    if (nowMs >= claims.expiresAtMs) return expired;
    this.remembered.set(token, claims);
    return { kind: 'ok', claims };
  }

  private verify(token: string): AccessClaims | undefined {
    const keyId = keyIdOf(token);
    const verifier = keyId === undefined ? undefined : this.verifiers.get(keyId);
    if (verifier === undefined) return undefined;
    try {
      return toClaims(verifier(token));
    } catch (error) {
      if (error instanceof TokenError) return undefined;
      throw error;
    }
  }
}

function verifierFor(key: AccessTokenKey, iss: string, aud: string): (token: string) => unknown {
  return createVerifier<string>({
    key: key.secret,
    algorithms: ['HS256'],
    allowedIss: iss,
    allowedAud: aud,
    checkTyp: 'jwt',
    requiredClaims: ['sub', 'role', 'iat', 'exp', 'jti', 'iss', 'aud'],
    // Expiry is judged in `check`, by the clock that was handed in.
    ignoreExpiration: true,
  });
}

/** Reads the header without believing it: the id only chooses the key that must then fit. */
function keyIdOf(token: string): string | undefined {
  const end = token.indexOf('.');
  if (end < 1 || end > 512) return undefined;
  try {
    const header: unknown = JSON.parse(Buffer.from(token.slice(0, end), 'base64url').toString('utf8'));
    const keyId = typeof header === 'object' && header !== null ? (header as { kid?: unknown }).kid : undefined;
    return typeof keyId === 'string' ? keyId : undefined;
  } catch {
    // No JSON: no token of ours.
    return undefined;
  }
}

function toClaims(payload: unknown): AccessClaims | undefined {
  const { sub, role, exp, jti, gen = 0 } = payload as Readonly<Record<string, unknown>>;
  const knownRole = roles.find((candidate) => candidate === role);
  if (typeof sub !== 'string' || !isUuid(sub) || knownRole === undefined) return undefined;
  if (typeof exp !== 'number' || !Number.isFinite(exp) || typeof jti !== 'string') return undefined;
  if (typeof gen !== 'number' || !Number.isSafeInteger(gen)) return undefined;
  return Object.freeze({ userId: sub, role: knownRole, tokenId: jti, generation: gen, expiresAtMs: exp * 1000 });
}
