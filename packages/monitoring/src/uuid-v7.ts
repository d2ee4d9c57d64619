import { randomBytes } from 'node:crypto';

/** A UUID of version 7 (RFC 9562): 48 bits of the wall clock, then random bits, so ids sort by time of creation. */
export function uuidV7(wallMs: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Math.floor(wallMs), 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
