import { createHash, randomBytes, randomUUID } from 'node:crypto';

/** What a refresh token says: which family it belongs to, and the hash that tells whether it is the good one of that family. */
export interface RefreshToken {
  familyId: string;
  /** SHA-256 of the secret part, 32 bytes. */
  hash: Buffer;
}

const familyBytes = 16;
const secretBytes = 32;
const pattern = /^[A-Za-z0-9_-]{64}$/;

/**
 * A family's id. Of version 4 and not 7, unlike other ids: whoever knows it can end the session with a made-up secret, so it is not to be
 * guessed from a time either. It is part of a secret and stands in no log.
 */
export const newFamilyId = (): string => randomUUID();

/** A token of this family: its id and 256 random bits, 64 characters of base64url. `text` goes to the client and is kept nowhere. */
export function newRefreshToken(familyId: string): RefreshToken & { text: string } {
  const secret = randomBytes(secretBytes);
  const family = Buffer.from(familyId.replaceAll('-', ''), 'hex');
  return { familyId, hash: sha256(secret), text: Buffer.concat([family, secret]).toString('base64url') };
}

/** Undefined for a text that is no refresh token of ours. Says nothing about whether it is good. */
export function parseRefreshToken(text: string): RefreshToken | undefined {
  if (!pattern.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  const hex = bytes.subarray(0, familyBytes).toString('hex');
  const familyId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { familyId, hash: sha256(bytes.subarray(familyBytes)) };
}

function sha256(secret: Buffer): Buffer {
  return createHash('sha256').update(secret).digest();
}
