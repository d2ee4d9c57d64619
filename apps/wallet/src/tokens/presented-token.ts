import { decodeTokenPayload, maxTokenLength, openCompactJws, tokenType, type TokenFields } from '@dunlin/offline';
import type { Queryable } from '../ledger/queryable.js';
import { readToken } from '../queries/tokens.js';
import { verifyToken, type TokenVerification, type TokenVerifyingKeys } from './token-signature.js';

type Unverified = Exclude<TokenVerification['kind'], 'ok' | 'expired'>;

export type PresentedToken =
  { kind: 'genuine'; fields: TokenFields } | { kind: 'refused'; why: Unverified; reason: string };

const reasons: Readonly<Record<Unverified, string>> = {
  malformed: 'is not a token of this issuer',
  wrong_algorithm: 'is signed with another algorithm than EdDSA',
  unknown_key: 'is signed with a key that this issuer does not know',
  bad_signature: 'has a signature that does not fit',
};

/**
 * A token that somebody brings back. It is genuine when its signature verifies; and when its key no longer does (it was revoked, or retired
 * long ago), when it is byte for byte the one that the ledger wrote down. So whoever holds a real token loses nothing when a
 * key is given up at once, and a forger who has that key gains nothing: what they make is not in the ledger.
 */
export async function presentedToken(
  database: Queryable,
  keys: TokenVerifyingKeys,
  compact: string,
  nowMs: number,
): Promise<PresentedToken> {
  const verification = verifyToken(compact, keys, nowMs);
  switch (verification.kind) {
    case 'ok':
    case 'expired':
      return { kind: 'genuine', fields: verification.fields };
    case 'unknown_key': {
      const fields = await writtenDown(database, compact);
      if (fields !== undefined) return { kind: 'genuine', fields };
      break;
    }
    case 'malformed':
    case 'wrong_algorithm':
    case 'bad_signature':
      break;
  }
  return { kind: 'refused', why: verification.kind, reason: reasons[verification.kind] };
}

async function writtenDown(database: Queryable, compact: string): Promise<TokenFields | undefined> {
  const jws = openCompactJws(compact, tokenType, maxTokenLength);
  const fields = jws.kind === 'ok' ? decodeTokenPayload(jws.payload) : undefined;
  if (fields === undefined) return undefined;
  const stored = await readToken(database, fields.id);
  return stored?.compact === compact ? fields : undefined;
}
