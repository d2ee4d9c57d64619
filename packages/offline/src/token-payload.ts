import { asciiBytes, asciiText } from './ascii.js';
import { isThumbprint, keyIdBytes, keyIdText, thumbprintBytes, type Thumbprint } from './thumbprint.js';
import { uuidBytes, uuidText } from './uuid.js';

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
  /** The token that this one was divided from, or that a device passed on to its owner. */
  parentId: string | undefined;
  /** How often devices may pass the token on before it must come back to the issuer, 0 to 255. */
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
/** What the header's `typ` says. A transfer between devices says another word, so that neither passes for the other. */
export const tokenType = 'dunlin-token';
/** An issued token has about 330 characters; nothing longer than this is even taken apart. */
export const maxTokenLength = 512;
const currentVersion = 1;
const issuedToken = 1;
export const largestTokenAmount = 2n ** 63n - 1n;
/** Dates beyond this are not dates in JavaScript. */
export const largestTimeMs = 8_640_000_000_000_000;

/** Throws a `RangeError` for fields that the layout cannot carry: the caller made them, so that is a bug. */
export function encodeTokenPayload(fields: TokenFields): Uint8Array {
  assertCarriable(fields);
  const payload = new Uint8Array(tokenPayloadBytes);
  const view = new DataView(payload.buffer);
  payload[offset.version] = currentVersion;
  payload[offset.kind] = issuedToken;
  payload[offset.maxHops] = fields.maxHops;
  payload.set(uuidBytes(fields.id), offset.id);
  view.setBigUint64(offset.amount, fields.amountMinor);
  view.setBigUint64(offset.issuedAt, BigInt(fields.issuedAtMs));
  view.setBigUint64(offset.expiresAt, BigInt(fields.expiresAtMs));
  if (fields.ownerKeyId !== undefined) payload.set(keyIdBytes(fields.ownerKeyId), offset.ownerKey);
  if (fields.parentId !== undefined) payload.set(uuidBytes(fields.parentId), offset.parentId);
  payload.set(asciiBytes(fields.currency), offset.currency);
  return payload;
}

/** Undefined for bytes that `encodeTokenPayload` would not have written. */
export function decodeTokenPayload(payload: Uint8Array): TokenFields | undefined {
  if (payload.length !== tokenPayloadBytes) return undefined;
  if (payload[offset.version] !== currentVersion || payload[offset.kind] !== issuedToken) return undefined;
  if (payload[offset.reserved] !== 0) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const amountMinor = view.getBigUint64(offset.amount);
  const issuedAt = view.getBigUint64(offset.issuedAt);
  const expiresAt = view.getBigUint64(offset.expiresAt);
  const currency = asciiText(payload.subarray(offset.currency)) ?? '';
  if (amountMinor < 1n || amountMinor > largestTokenAmount || !/^[A-Z]{3}$/.test(currency)) return undefined;
  if (expiresAt <= issuedAt || expiresAt > BigInt(largestTimeMs)) return undefined;
  const id = uuidText(payload.subarray(offset.id, offset.id + 16));
  const parent = payload.subarray(offset.parentId, offset.parentId + 16);
  const parentId = uuidText(parent);
  if (id === undefined || (parentId === undefined && parent.some((byte) => byte !== 0))) return undefined;
  return {
    id,
    amountMinor,
    currency,
    issuedAtMs: Number(issuedAt),
    expiresAtMs: Number(expiresAt),
    ownerKeyId: keyIdText(payload.subarray(offset.ownerKey, offset.ownerKey + thumbprintBytes)),
    parentId,
    maxHops: payload[offset.maxHops] ?? 0,
  };
}

function assertCarriable(fields: TokenFields): void {
  const { amountMinor, issuedAtMs, expiresAtMs, ownerKeyId, maxHops } = fields;
  const isTime = (ms: number): boolean => Number.isSafeInteger(ms) && ms >= 0 && ms <= largestTimeMs;
  if (amountMinor < 1n || amountMinor > largestTokenAmount)
    throw new RangeError('a token amount must be 1 to 2^63 - 1');
  if (!/^[A-Z]{3}$/.test(fields.currency)) throw new RangeError('a token currency must be three capital letters');
  if (!isTime(issuedAtMs) || !isTime(expiresAtMs)) throw new RangeError('token times must be whole milliseconds');
  if (expiresAtMs <= issuedAtMs) throw new RangeError('a token must expire after it was issued');
  if (!Number.isInteger(maxHops) || maxHops < 0 || maxHops > 255) throw new RangeError('token hops must be 0 to 255');
  if (ownerKeyId !== undefined && !isThumbprint(ownerKeyId)) {
    throw new RangeError('an owner key must be a SHA-256 thumbprint');
  }
}
