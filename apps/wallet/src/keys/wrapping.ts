import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { MasterKey } from './master-key.js';

/**
 * A secret at rest: AES-256-GCM under the master key.
 *
 * Layout: version (1 byte, 1) | master key id (8) | nonce (12) | ciphertext | tag (16). The associated text binds the
 * secret to its row, so that a wrapped secret moved to another row does not open there.
 */
const version = 1;
const idEnd = 9;
const nonceEnd = 21;
const tagBytes = 16;

export type Unwrapping =
  | { kind: 'ok'; secret: Buffer }
  /** Wrapped by another master key than the one given. */
  | { kind: 'other_master_key' }
  /** Not in this layout, or changed since it was wrapped, or taken from another row. */
  | { kind: 'damaged' };

/** Random nonces are safe here: one key wraps a few secrets in its life, and 96 bits collide after some 2^48. */
export function wrapSecret(masterKey: MasterKey, secret: Uint8Array, associatedText: string): Buffer {
  const nonce = randomBytes(nonceEnd - idEnd);
  const cipher = createCipheriv('aes-256-gcm', masterKey.wrappingKey, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(associatedText));
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()]);
  return Buffer.concat([Buffer.of(version), masterKey.id, nonce, ciphertext, cipher.getAuthTag()]);
}

export function unwrapSecret(masterKey: MasterKey, wrapped: Buffer, associatedText: string): Unwrapping {
  if (wrapped.length < nonceEnd + tagBytes || wrapped[0] !== version) return { kind: 'damaged' };
  if (!wrapped.subarray(1, idEnd).equals(masterKey.id)) return { kind: 'other_master_key' };
  const nonce = wrapped.subarray(idEnd, nonceEnd);
  const decipher = createDecipheriv('aes-256-gcm', masterKey.wrappingKey, nonce, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(associatedText));
  decipher.setAuthTag(wrapped.subarray(-tagBytes));
  try {
    return {
      kind: 'ok',
      secret: Buffer.concat([decipher.update(wrapped.subarray(nonceEnd, -tagBytes)), decipher.final()]),
    };
  } catch {
    // `final` throws for one reason only: the tag does not fit.
    return { kind: 'damaged' };
  }
}
