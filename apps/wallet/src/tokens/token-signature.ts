import { sign, verify, type KeyObject } from 'node:crypto';
import {
  attachSignature,
  composeSigningInput,
  decodeTokenPayload,
  encodeTokenPayload,
  hasSignatureLength,
  maxTokenLength,
  openCompactJws,
  tokenType,
  type TokenFields,
} from '@dunlin/offline';

/** The key that signs; `IssuerKey` of the keyring satisfies it. */
export interface TokenSigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
}

/** Finds the public key of a `kid`; the keyring's `issuerKeys` satisfies it. `notAfterMs` is Unix time. */
export interface TokenVerifyingKeys {
  get(keyId: string): { readonly publicKey: KeyObject; readonly notAfterMs?: number | undefined } | undefined;
}

export type TokenVerification =
  | { kind: 'ok'; fields: TokenFields; keyId: string }
  /** Signed by the issuer, and past its time. */
  | { kind: 'expired'; fields: TokenFields; keyId: string }
  /** No token: not three canonical parts, another type, or a payload that is not in the layout. */
  | { kind: 'malformed' }
  /** Another algorithm than EdDSA, `none` and HS256 among them. Nothing was verified. */
  | { kind: 'wrong_algorithm' }
  /** No issuer key has this id, or it no longer verifies. */
  | { kind: 'unknown_key' }
  | { kind: 'bad_signature' };

/** The signed compact form, about 330 characters. About 25 µs on the calling thread. */
export function signToken(fields: TokenFields, key: TokenSigningKey): string {
  const signingInput = composeSigningInput(tokenType, key.id, encodeTokenPayload(fields));
  return attachSignature(signingInput, sign(null, Buffer.from(signingInput), key.privateKey));
}

/**
 * Verifies a token as it was received: the signature is checked over the very bytes that arrived, never over a new
 * serialisation of what was read from them, and the payload is not looked at before. The algorithm is ours, not the
 * header's to choose. Costs some 70 µs when it comes to the signature, a few µs before that.
 */
export function verifyToken(compact: string, keys: TokenVerifyingKeys, nowMs: number): TokenVerification {
  const jws = openCompactJws(compact, tokenType, maxTokenLength);
  if (jws.kind !== 'ok') return jws;
  const key = keys.get(jws.keyId);
  if (key === undefined || (key.notAfterMs !== undefined && nowMs >= key.notAfterMs)) return { kind: 'unknown_key' };
  if (key.publicKey.asymmetricKeyType !== 'ed25519') return { kind: 'wrong_algorithm' };
  if (!hasSignatureLength(jws.signature) || !verify(null, jws.signingInput, key.publicKey, jws.signature)) {
    return { kind: 'bad_signature' };
  }
  const fields = decodeTokenPayload(jws.payload);
  if (fields === undefined) return { kind: 'malformed' };
  return { kind: nowMs >= fields.expiresAtMs ? 'expired' : 'ok', fields, keyId: jws.keyId };
}
