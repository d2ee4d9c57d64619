import type { RotationOptions } from './rotate-issuer-key.js';

/** The times of a rotation, from what is configured: whatever the key before has signed can be presented until it has run out. */
export function issuerKeyRotation(tokens: {
  keyLeadSeconds: number;
  ttlSeconds: number;
  expiryGraceSeconds: number;
}): RotationOptions {
  return { leadSeconds: tokens.keyLeadSeconds, overlapSeconds: tokens.ttlSeconds + tokens.expiryGraceSeconds };
}
