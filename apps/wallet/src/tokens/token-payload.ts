import { parse as parseUuid, stringify as stringifyUuid, NIL } from 'uuid';
import type { Thumbprint } from '../keys/jwk.js';

/** What the issuer states about a token. docs/offline-tokens.md has the same layout, for whoever writes a device. */
export interface TokenFields {
  /** UUID, version 7. */
  id: string;
  /** Minor units, 1 to 2^63 - 1. */
  amountMinor: bigint;
  /** ISO 4217. */
  currency: string;
  /** Unix time in whole milliseconds. */
  issuedAtMs: number;
  expiresAtMs: number;
  /** The owner's device key; undefined for an owner without one, who can redeem and divide but not pass on offline. */
  ownerKeyId: Thumbprint | undefined;
  /** The token that this one was divided from. */
  parentId: string | undefined;
  /** How often devices may pass the token on before it must be redeemed, 0 to 255. */
  maxHops: number;
}

/**
 * Offsets of the 95 bytes; integers are big-endian. The layout is fixed: a change is a new version in the first byte, and a
 * reader refuses versions that it does not know.
 */
const offset = {
  version: 0,
  kind: 1,
  maxHops: 2,
  reserved: 3,
  id: 4,
  amount: 20,
  issuedAt: 28,
  expiresAt: 36,
  ownerKey: 44,
  parentId: 76,
  currency: 92,
} as const;

export const tokenPayloadBytes = 95;
const currentVersion = 1;
/** Transfers between devices will be another kind under the same version. */
const issuedToken = 1;
const largestAmount = 2n ** 63n - 1n;
/** Dates beyond this are not dates in JavaScript. */
const largestTimeMs = 8_640_000_000_000_000;
const keyBytes = 32;

/** Throws a `RangeError` for fields that the layout cannot carry: the caller made them, so that is a bug. */
export function encodeTokenPayload(fields: TokenFields): Buffer {
  assertCarriable(fields);
  const payload = Buffer.alloc(tokenPayloadBytes);
  payload[offset.version] = currentVersion;
  payload[offset.kind] = issuedToken;
  payload[offset.maxHops] = fields.maxHops;
  payload.set(parseUuid(fields.id), offset.id);
  payload.writeBigUInt64BE(fields.amountMinor, offset.amount);
  payload.writeBigUInt64BE(BigInt(fields.issuedAtMs), offset.issuedAt);
  payload.writeBigUInt64BE(BigInt(fields.expiresAtMs), offset.expiresAt);
  if (fields.ownerKeyId !== undefined) payload.set(Buffer.from(fields.ownerKeyId, 'base64url'), offset.ownerKey);
  if (fields.parentId !== undefined) payload.set(parseUuid(fields.parentId), offset.parentId);
  payload.write(fields.currency, offset.currency, 'latin1');
  return payload;
}

/** Undefined for bytes that `encodeTokenPayload` would not have written. */
export function decodeTokenPayload(payload: Buffer): TokenFields | undefined {
  if (payload.length !== tokenPayloadBytes) return undefined;
  if (payload[offset.version] !== currentVersion || payload[offset.kind] !== issuedToken) return undefined;
  if (payload[offset.reserved] !== 0) return undefined;
  const amountMinor = payload.readBigUInt64BE(offset.amount);
  const issuedAt = payload.readBigUInt64BE(offset.issuedAt);
  const expiresAt = payload.readBigUInt64BE(offset.expiresAt);
  const currency = payload.toString('latin1', offset.currency, tokenPayloadBytes);
  if (amountMinor < 1n || amountMinor > largestAmount || !/^[A-Z]{3}$/.test(currency)) return undefined;
  if (expiresAt <= issuedAt || expiresAt > BigInt(largestTimeMs)) return undefined;
  const id = uuidAt(payload, offset.id);
  if (id === undefined) return undefined;
  const ownerKey = payload.subarray(offset.ownerKey, offset.ownerKey + keyBytes);
  return {
    id,
    amountMinor,
    currency,
    issuedAtMs: Number(issuedAt),
    expiresAtMs: Number(expiresAt),
    ownerKeyId: ownerKey.every((byte) => byte === 0) ? undefined : (ownerKey.toString('base64url') as Thumbprint),
    parentId: uuidAt(payload, offset.parentId),
    maxHops: payload[offset.maxHops] ?? 0,
  };
}

/** Undefined for sixteen zeros, and for bytes that are no UUID of a known version. */
function uuidAt(payload: Buffer, start: number): string | undefined {
  const bytes = payload.subarray(start, start + 16);
  if (bytes.every((byte) => byte === 0)) return undefined;
  try {
    return stringifyUuid(bytes);
  } catch {
    // `stringify` throws for one reason: the version or the variant is none.
    return undefined;
  }
}

function assertCarriable(fields: TokenFields): void {
  const { amountMinor, issuedAtMs, expiresAtMs, ownerKeyId, maxHops } = fields;
  const isTime = (ms: number): boolean => Number.isSafeInteger(ms) && ms >= 0 && ms <= largestTimeMs;
  if (amountMinor < 1n || amountMinor > largestAmount) throw new RangeError('a token amount must be 1 to 2^63 - 1');
  if (!/^[A-Z]{3}$/.test(fields.currency)) throw new RangeError('a token currency must be three capital letters');
  if (!isTime(issuedAtMs) || !isTime(expiresAtMs)) throw new RangeError('token times must be whole milliseconds');
  if (expiresAtMs <= issuedAtMs) throw new RangeError('a token must expire after it was issued');
  if (!Number.isInteger(maxHops) || maxHops < 0 || maxHops > 255) throw new RangeError('token hops must be 0 to 255');
  if (fields.id === NIL || fields.parentId === NIL) throw new RangeError('a token id must not be nil');
  if (ownerKeyId !== undefined && Buffer.from(ownerKeyId, 'base64url').length !== keyBytes) {
    throw new RangeError('an owner key must be a SHA-256 thumbprint');
  }
}
