import { chainPieces, mostTransfers } from './chain.js';
import { hasSignatureLength, openCompactJws, type OpenedJws } from './compact-jws.js';
import { verifyEd25519 } from './ed25519.js';
import type { OfflineKey, OfflineKeys } from './keys.js';
import type { Thumbprint } from './thumbprint.js';
import { decodeTokenPayload, maxTokenLength, tokenType, type TokenFields } from './token-payload.js';
import {
  decodeTransferPayload,
  maxTransferLength,
  pieceName,
  sumOfOutputs,
  transferType,
  type TransferFields,
  type TransferOutput,
} from './transfer-payload.js';

/** What a device asks of a chain beyond its soundness. */
export interface OfflineRequirements {
  /** How long before its expiry a token is no longer taken, since clocks are wrong and redeeming takes time. 10 minutes by default. */
  safetyMarginMs?: number;
  /** The sixteen bytes that this device gave to the payer; the last transfer must carry them. */
  nonce?: Uint8Array;
  /** This device's key; the last piece must pass something on to it. */
  receiverKeyId?: Thumbprint;
}

/** A sound chain. Its last piece's outputs are what can be passed on or redeemed now, as far as anybody can know offline. */
export interface SoundChain {
  kind: 'ok';
  token: TokenFields;
  transfers: TransferFields[];
  outputs: readonly TransferOutput[];
  /** What the next transfer names as the piece before. */
  name: Uint8Array;
  hopsLeft: number;
}

export const chainRefusals = [
  /** More pieces or characters than a chain can have. */
  'oversized',
  'malformed',
  'wrong_algorithm',
  /** Signed with a key that this device does not know: fetch the public keys when there is a network. */
  'unknown_key',
  'key_revoked',
  'bad_signature',
  'expired',
  /** The token names no device key, so no device can pass it on. */
  'not_transferable',
  /** A transfer that does not continue the piece before it: another token, another order, or an output that is not there. */
  'broken_chain',
  'wrong_signer',
  'amount_mismatch',
  'too_many_hops',
  /** The last transfer was made for another occasion. */
  'wrong_nonce',
  'not_for_this_device',
] as const;
export type ChainRefusal = (typeof chainRefusals)[number];

/** Why a chain is not taken; `at` is the piece at fault, 0 for the token. */
export interface RefusedChain {
  kind: ChainRefusal;
  at: number;
}

export type OfflineVerification = SoundChain | RefusedChain;

export const defaultSafetyMarginMs = 600_000;

interface Piece<Fields> {
  kind: 'piece';
  jws: OpenedJws;
  key: OfflineKey;
  fields: Fields;
  name: Uint8Array;
}

/** A chain whose pieces fit together; no signature was looked at. */
interface FollowedChain {
  kind: 'followed';
  token: Piece<TokenFields>;
  transfers: Piece<TransferFields>[];
  outputs: readonly TransferOutput[];
}

/**
 * Verifies a chain, a token and the transfers that passed it on, with nothing but the cached public keys: no network, no API of
 * Node.js or of the browser. Everything that needs no cryptography is checked first, over all pieces; then the signatures, some
 * 1.5 ms each. That a chain is sound does not say that it is unspent: nobody can know that offline.
 *
 * `chain` is its text or its pieces; `nowMs` the device's clock, Unix time.
 */
export function verifyOffline(
  chain: string | readonly string[],
  keys: OfflineKeys,
  nowMs: number,
  requirements: OfflineRequirements = {},
): OfflineVerification {
  const pieces = typeof chain === 'string' ? chainPieces(chain) : chain;
  if (pieces === undefined || pieces.length > mostTransfers + 1) return refused('oversized', 0);
  const followed = followChain(pieces, keys);
  if (followed.kind !== 'followed') return followed;
  const { token, transfers, outputs } = followed;
  const unmet = unmetRequirement(followed, nowMs, requirements);
  if (unmet !== undefined) return unmet;
  const forged = [token, ...transfers].findIndex(
    ({ jws, key }) => !verifyEd25519(key.publicKey, jws.signingInput, jws.signature),
  );
  if (forged >= 0) return refused('bad_signature', forged);
  return {
    kind: 'ok',
    token: token.fields,
    transfers: transfers.map(({ fields }) => fields),
    outputs,
    name: (transfers.at(-1) ?? token).name,
    hopsLeft: token.fields.maxHops - transfers.length,
  };
}

const refused = (kind: ChainRefusal, at: number): RefusedChain => ({ kind, at });

const tokenPiece = {
  typ: tokenType,
  maxLength: maxTokenLength,
  keyType: 'issuer',
  decode: decodeTokenPayload,
} as const;
const transferPiece = {
  typ: transferType,
  maxLength: maxTransferLength,
  keyType: 'user',
  decode: decodeTransferPayload,
} as const;

/** Each transfer passes on, in full and by its owner's key, an output of the piece before it. */
function followChain(
  [tokenText = '', ...transferTexts]: readonly string[],
  keys: OfflineKeys,
): FollowedChain | RefusedChain {
  const token = readPiece(tokenText, 0, tokenPiece, keys);
  if (token.kind !== 'piece') return token;
  const { ownerKeyId, amountMinor, id, maxHops } = token.fields;
  if (transferTexts.length > maxHops) return refused('too_many_hops', maxHops + 1);
  if (ownerKeyId === undefined && transferTexts.length > 0) return refused('not_transferable', 1);
  const transfers: Piece<TransferFields>[] = [];
  let outputs: readonly TransferOutput[] = ownerKeyId === undefined ? [] : [{ keyId: ownerKeyId, amountMinor }];
  let name = token.name;
  for (const [index, text] of transferTexts.entries()) {
    const at = index + 1;
    const piece = readPiece(text, at, transferPiece, keys);
    if (piece.kind !== 'piece') return piece;
    const { fields, jws } = piece;
    const spent = outputs[fields.previousOutput];
    if (fields.tokenId !== id || !sameBytes(fields.previous, name) || spent === undefined) {
      return refused('broken_chain', at);
    }
    if (spent.keyId !== jws.keyId) return refused('wrong_signer', at);
    if (sumOfOutputs(fields.outputs) !== spent.amountMinor) return refused('amount_mismatch', at);
    transfers.push(piece);
    outputs = fields.outputs;
    name = piece.name;
  }
  return { kind: 'followed', token, transfers, outputs };
}

function readPiece<Fields>(
  text: string,
  at: number,
  expected: {
    typ: string;
    maxLength: number;
    keyType: OfflineKey['type'];
    decode: (payload: Uint8Array) => Fields | undefined;
  },
  keys: OfflineKeys,
): Piece<Fields> | RefusedChain {
  const jws = openCompactJws(text, expected.typ, expected.maxLength);
  if (jws.kind !== 'ok') return refused(jws.kind, at);
  const key = keys.get(jws.keyId);
  if (key?.type !== expected.keyType) return refused('unknown_key', at);
  if (!key.isActive) return refused('key_revoked', at);
  if (!hasSignatureLength(jws.signature)) return refused('bad_signature', at);
  const fields = expected.decode(jws.payload);
  if (fields === undefined) return refused('malformed', at);
  return { kind: 'piece', jws, key, fields, name: pieceName(jws.payload) };
}

function unmetRequirement(
  { token, transfers, outputs }: FollowedChain,
  nowMs: number,
  { safetyMarginMs = defaultSafetyMarginMs, nonce, receiverKeyId }: OfflineRequirements,
): RefusedChain | undefined {
  const last = transfers.length;
  // Written so that a clock that is no number refuses as well.
  if (!(nowMs + safetyMarginMs < token.fields.expiresAtMs)) return refused('expired', 0);
  if (nonce !== undefined && !sameBytes(nonce, transfers.at(-1)?.fields.nonce)) return refused('wrong_nonce', last);
  if (receiverKeyId !== undefined && !outputs.some(({ keyId }) => keyId === receiverKeyId)) {
    return refused('not_for_this_device', last);
  }
  return undefined;
}

function sameBytes(one: Uint8Array, other: Uint8Array | undefined): boolean {
  return one.length === other?.length && one.every((byte, at) => byte === other[at]);
}
