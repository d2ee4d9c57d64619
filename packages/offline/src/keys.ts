import { decodeBase64url } from './base64url.js';
import { thumbprintOfX, type Thumbprint } from './thumbprint.js';

/** A key as `GET /public-keys` gives it; further members are passed by. */
export interface PublishedKey {
  id: string;
  type: 'user' | 'issuer';
  jwk: { x: string };
  isActive: boolean;
}

/** A key as a device keeps it. */
export interface OfflineKey {
  type: 'user' | 'issuer';
  /** The 32 bytes of the Ed25519 public key. */
  publicKey: Uint8Array;
  /** False for a key that was revoked. */
  isActive: boolean;
}

/** The cached public-key database, by key id. */
export type OfflineKeys = ReadonlyMap<string, OfflineKey>;

/**
 * The keys of pages of `GET /public-keys`, ready to verify with; a later entry for a key replaces an earlier one, so what
 * `?since=` gave can follow what was kept. An entry whose id is not the thumbprint of its key is left out.
 */
export function offlineKeys(published: Iterable<PublishedKey>): Map<string, OfflineKey> {
  const keys = new Map<string, OfflineKey>();
  for (const { id, type, jwk, isActive } of published) {
    const publicKey = decodeBase64url(jwk.x);
    if (publicKey?.length !== 32 || thumbprintOfX(jwk.x) !== (id as Thumbprint)) continue;
    keys.set(id, { type, publicKey, isActive });
  }
  return keys;
}
