import { sha256 } from '@noble/hashes/sha2.js';
import { keyIdBytes, keyIdText, thumbprintBytes, type Thumbprint } from './thumbprint.js';
import { largestTimeMs, largestTokenAmount } from './token-payload.js';
import { uuidBytes, uuidText } from './uuid.js';

/** A part of what a transfer passes on: a payment, or the payer's change. */
export interface TransferOutput {
  /** The device key that may pass it on, and whose user may redeem it. */
  keyId: Thumbprint;
  /** Minor units, 1 to 2^63 - 1. */
  amountMinor: bigint;
}

/** What the owner of a piece states when passing it on. docs/offline-tokens.md has the layout. */
export interface TransferFields {
  /** The issued token at the head of the chain. */
  tokenId: string;
  /** The SHA-256 of the payload before: the token's, or that of the transfer whose output is passed on. 32 bytes. */
  previous: Uint8Array;
  /** Which output of the transfer before; 0 for an issued token. */
  previousOutput: number;
  /** The payer's clock, Unix time in whole milliseconds. Decides nothing: it is there for people who look at a dispute. */
  signedAtMs: number;
  /** Sixteen bytes that the receiver chose, so that a payment that was made before cannot be shown again as this one. */
  nonce: Uint8Array;
  /** 1 to 8; they sum to what the piece before is worth. */
  outputs: readonly TransferOutput[];
}

const offset = {
  version: 0,
  kind: 1,
  previousOutput: 2,
  outputs: 3,
  tokenId: 4,
  previous: 20,
  signedAt: 52,
  nonce: 60,
};
const fixedBytes = 76;
const outputBytes = thumbprintBytes + 8;
const currentVersion = 1;
const transfer = 2;

export const nonceBytes = 16;
export const mostOutputs = 8;
/** What the header's `typ` says. */
export const transferType = 'dunlin-transfer';
/** A payment with change has 418 characters, one with eight outputs 738; nothing longer is even taken apart. */
export const maxTransferLength = 768;

/** The name by which the next transfer refers to a token or a transfer: the SHA-256 of its payload, 32 bytes. */
export const pieceName = (payload: Uint8Array): Uint8Array => sha256(payload);

/** Throws a `RangeError` for fields that the layout cannot carry: the caller made them, so that is a bug. */
export function encodeTransferPayload(fields: TransferFields): Uint8Array {
  assertCarriable(fields);
  const payload = new Uint8Array(fixedBytes + outputBytes * fields.outputs.length);
  const view = new DataView(payload.buffer);
  payload[offset.version] = currentVersion;
  payload[offset.kind] = transfer;
  payload[offset.previousOutput] = fields.previousOutput;
  payload[offset.outputs] = fields.outputs.length;
  payload.set(uuidBytes(fields.tokenId), offset.tokenId);
  payload.set(fields.previous, offset.previous);
  view.setBigUint64(offset.signedAt, BigInt(fields.signedAtMs));
  payload.set(fields.nonce, offset.nonce);
  fields.outputs.forEach((output, at) => {
    payload.set(keyIdBytes(output.keyId), fixedBytes + at * outputBytes);
    view.setBigUint64(fixedBytes + at * outputBytes + thumbprintBytes, output.amountMinor);
  });
  return payload;
}

/** Undefined for bytes that `encodeTransferPayload` would not have written. */
export function decodeTransferPayload(payload: Uint8Array): TransferFields | undefined {
  const count = payload[offset.outputs] ?? 0;
  if (count < 1 || count > mostOutputs || payload.length !== fixedBytes + outputBytes * count) return undefined;
  if (payload[offset.version] !== currentVersion || payload[offset.kind] !== transfer) return undefined;
  const previousOutput = payload[offset.previousOutput] ?? 0;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const signedAt = view.getBigUint64(offset.signedAt);
  const tokenId = uuidText(payload.subarray(offset.tokenId, offset.tokenId + 16));
  if (tokenId === undefined || previousOutput >= mostOutputs || signedAt > BigInt(largestTimeMs)) return undefined;
  const outputs: TransferOutput[] = [];
  for (let at = fixedBytes; at < payload.length; at += outputBytes) {
    const keyId = keyIdText(payload.subarray(at, at + thumbprintBytes));
    const amountMinor = view.getBigUint64(at + thumbprintBytes);
    if (keyId === undefined || amountMinor < 1n || amountMinor > largestTokenAmount) return undefined;
    outputs.push({ keyId, amountMinor });
  }
  return {
    tokenId,
    previous: payload.slice(offset.previous, offset.previous + 32),
    previousOutput,
    signedAtMs: Number(signedAt),
    nonce: payload.slice(offset.nonce, offset.nonce + nonceBytes),
    outputs,
  };
}

/** What a transfer passes on in all; as a `bigint` no sum of eight amounts can wrap around. */
export function sumOfOutputs(outputs: readonly TransferOutput[]): bigint {
  return outputs.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
}

function assertCarriable({ previous, previousOutput, signedAtMs, nonce, outputs }: TransferFields): void {
  if (previous.length !== 32) throw new RangeError('the name of the piece before must be a SHA-256');
  if (!Number.isInteger(previousOutput) || previousOutput < 0 || previousOutput >= mostOutputs) {
    throw new RangeError(`an output is numbered 0 to ${mostOutputs - 1}`);
  }
  if (!Number.isSafeInteger(signedAtMs) || signedAtMs < 0 || signedAtMs > largestTimeMs) {
    throw new RangeError('the time of a transfer must be whole milliseconds');
  }
  if (nonce.length !== nonceBytes) throw new RangeError(`a nonce has ${nonceBytes} bytes`);
  if (outputs.length < 1 || outputs.length > mostOutputs) {
    throw new RangeError(`a transfer has 1 to ${mostOutputs} outputs`);
  }
  if (outputs.some(({ amountMinor }) => amountMinor < 1n || amountMinor > largestTokenAmount)) {
    throw new RangeError('an output must be worth 1 to 2^63 - 1');
  }
}
