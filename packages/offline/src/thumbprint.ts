import { sha256 } from '@noble/hashes/sha2.js';
import { asciiBytes } from './ascii.js';
import { decodeBase64url, encodeBase64url } from './base64url.js';

/** The base64url SHA-256 of a key's required members (RFC 7638): 43 characters. Names a key everywhere. */
export type Thumbprint = string & { readonly __brand: 'Thumbprint' };

export const thumbprintBytes = 32;

/** The thumbprint of an Ed25519 public key, by the `x` of its JWK. */
export function thumbprintOfX(x: string): Thumbprint {
  // RFC 7638 fixes the members and their order; `x` is base64url and needs no escaping.
  return encodeBase64url(sha256(asciiBytes(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`))) as Thumbprint;
}

export function isThumbprint(text: string): text is Thumbprint {
  return text.length === 43 && decodeBase64url(text) !== undefined;
}

/** The 32 bytes of a thumbprint. Throws a `RangeError` for what is none. */
export function keyIdBytes(keyId: string): Uint8Array {
  const bytes = decodeBase64url(keyId);
  if (bytes?.length !== thumbprintBytes) throw new RangeError('a key id must be a SHA-256 thumbprint');
  return bytes;
}

/** Undefined for zeros, which stand for no key. */
export function keyIdText(bytes: Uint8Array): Thumbprint | undefined {
  return bytes.every((byte) => byte === 0) ? undefined : (encodeBase64url(bytes) as Thumbprint);
}
