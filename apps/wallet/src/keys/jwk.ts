import { createPublicKey, type KeyObject } from 'node:crypto';
import { thumbprintOfX, type Thumbprint } from '@dunlin/offline';
import { isUsableEd25519Point } from './ed25519-point.js';

/** A public Ed25519 key as RFC 8037 writes it: `x` is 32 bytes in base64url. */
export interface Ed25519PublicJwk {
  kty: 'OKP';
  crv: 'Ed25519';
  x: string;
}

export type { Thumbprint } from '@dunlin/offline';

export type JwkParsing =
  | { kind: 'ok'; jwk: Ed25519PublicJwk; thumbprint: Thumbprint }
  | { kind: 'invalid'; /** The member at fault, '' for the whole. */ member: string; reason: string };

/** Members that say what a key is for; they are allowed where they agree with it, and left out of what is kept. */
const descriptions: Readonly<Record<string, readonly string[] | undefined>> = {
  alg: ['EdDSA', 'Ed25519'],
  use: ['sig'],
};
const ignored = new Set(['kid', 'key_ops', 'ext']);

/**
 * Reads the public key of a device from what a client sent. Strict: another curve, a private part, an unknown member, a second
 * spelling of the same bytes and a point that no honest key has are refused, the last at the cost of about 0.3 ms.
 */
export function parseDeviceJwk(value: unknown): JwkParsing {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return invalid('', 'must be a JSON object');
  const members = value as Readonly<Record<string, unknown>>;
  if ('d' in members) return invalid('d', 'is the private part of the key: it must never leave the device');
  if (members.kty !== 'OKP') return invalid('kty', 'must be "OKP"');
  if (members.crv !== 'Ed25519') return invalid('crv', 'must be "Ed25519"');
  for (const [member, content] of Object.entries(members)) {
    if (member === 'kty' || member === 'crv' || member === 'x' || ignored.has(member)) continue;
    const allowed = Object.hasOwn(descriptions, member) ? descriptions[member] : undefined;
    if (allowed === undefined) return invalid(member, 'is not a member of an Ed25519 public key');
    if (!allowed.some((word) => word === content))
      return invalid(member, `must be ${allowed.map((word) => `"${word}"`).join(' or ')}`);
  }
  return parseX(members.x);
}

function parseX(x: unknown): JwkParsing {
  if (typeof x !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(x)) {
    return invalid('x', 'must be 32 bytes in base64url without padding (43 characters)');
  }
  const bytes = Buffer.from(x, 'base64url');
  if (bytes.toString('base64url') !== x) return invalid('x', 'must be canonical base64url');
  if (!isUsableEd25519Point(bytes)) return invalid('x', 'must be a point of the curve that is not of small order');
  const jwk: Ed25519PublicJwk = { kty: 'OKP', crv: 'Ed25519', x };
  return { kind: 'ok', jwk, thumbprint: thumbprintOf(jwk) };
}

/** The RFC 7638 name of a key, as devices compute it. */
export const thumbprintOf = (jwk: Ed25519PublicJwk): Thumbprint => thumbprintOfX(jwk.x);

/** A key that `node:crypto` verifies with. Keep it: making one costs more than a tenth of a verification. */
export function toKeyObject(jwk: Ed25519PublicJwk): KeyObject {
  return createPublicKey({ key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x }, format: 'jwk' });
}

function invalid(member: string, reason: string): JwkParsing {
  return { kind: 'invalid', member, reason };
}
