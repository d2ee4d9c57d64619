import type { Ed25519PublicJwk } from './jwk.js';
import type { Keyring } from './keyring.js';

/** A key as the issuer's set shows it. */
export interface JwksKey extends Ed25519PublicJwk {
  kid: string;
  alg: 'EdDSA';
  use: 'sig';
}

/** The issuer's key set (RFC 7517): the key that signs and every retired one that still verifies at `nowMs` (Unix time). */
export function toJwks(keyring: Keyring, nowMs: number): { keys: JwksKey[] } {
  const live = [...keyring.issuerKeys.values()].filter((key) => key.notAfterMs === undefined || key.notAfterMs > nowMs);
  return { keys: live.map((key) => ({ ...key.publicJwk, kid: key.id, alg: 'EdDSA', use: 'sig' })) };
}
