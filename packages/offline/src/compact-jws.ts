import { asciiBytes, asciiText } from './ascii.js';
import { decodeBase64url, encodeBase64url } from './base64url.js';

/** A compact JWS taken apart; nothing of it is verified. */
export interface OpenedJws {
  kind: 'ok';
  /** Whose key is said to have signed it. */
  keyId: string;
  payload: Uint8Array;
  signature: Uint8Array;
  /** The bytes that the signature is over, as they were received. */
  signingInput: Uint8Array;
}

export type JwsOpening = OpenedJws | { kind: 'malformed' } | { kind: 'wrong_algorithm' };

const signatureBytes = 64;
/** The longest header that anybody needs; ours have some 90 bytes. */
const longestHeader = 1024;

/**
 * Takes a compact JWS (RFC 7515, section 7.1) apart, believing none of it: three parts, each in the one canonical spelling of
 * base64url; a header of exactly `alg` EdDSA, `kid` and `typ`. A further member could be a `crit` or a `b64` that changes what the
 * signature means. No cryptography happens here, so what is refused costs a few microseconds.
 */
export function openCompactJws(text: string, typ: string, maxLength: number): JwsOpening {
  if (text.length > maxLength) return { kind: 'malformed' };
  const parts = text.split('.', 4);
  if (parts.length !== 3 || parts.includes('')) return { kind: 'malformed' };
  const [header, payload, signature] = parts.map(decodeBase64url);
  if (header === undefined || payload === undefined || signature === undefined) return { kind: 'malformed' };
  const members = parseHeader(header);
  if (members === undefined) return { kind: 'malformed' };
  const { alg, kid, typ: stated, ...others } = members;
  if (alg !== 'EdDSA') return { kind: 'wrong_algorithm' };
  if (stated !== typ || typeof kid !== 'string' || Object.keys(others).length > 0) return { kind: 'malformed' };
  const signingInput = asciiBytes(text.slice(0, text.lastIndexOf('.')));
  return { kind: 'ok', keyId: kid, payload, signature, signingInput };
}

/** True for a signature that has the length of Ed25519's; another length never verifies. */
export const hasSignatureLength = (signature: Uint8Array): boolean => signature.length === signatureBytes;

/** The ASCII text to sign: header and payload. `keyId` is the RFC 7638 thumbprint of the key that will sign. */
export function composeSigningInput(typ: string, keyId: string, payload: Uint8Array): string {
  return `${encodedHeader(typ, keyId)}.${encodeBase64url(payload)}`;
}

/** The last header that was made: whoever signs many things signs them with one key. */
let latest = { typ: '', keyId: '', encoded: '' };

function encodedHeader(typ: string, keyId: string): string {
  if (latest.typ !== typ || latest.keyId !== keyId) {
    const header = JSON.stringify({ alg: 'EdDSA', kid: keyId, typ });
    latest = { typ, keyId, encoded: encodeBase64url(asciiBytes(header)) };
  }
  return latest.encoded;
}

/** The compact form, of what was signed and the 64 bytes of its signature. */
export function attachSignature(signingInput: string, signature: Uint8Array): string {
  if (signature.length !== signatureBytes) throw new RangeError('an Ed25519 signature has 64 bytes');
  return `${signingInput}.${encodeBase64url(signature)}`;
}

function parseHeader(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  const text = bytes.length > longestHeader ? undefined : asciiText(bytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return value as Readonly<Record<string, unknown>>;
  } catch {
    // Not JSON, hence no header.
    return undefined;
  }
}
