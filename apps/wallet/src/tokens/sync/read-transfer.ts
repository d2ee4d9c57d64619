import {
  decodeTransferPayload,
  hasSignatureLength,
  maxTransferLength,
  openCompactJws,
  pieceName,
  transferType,
  type OpenedJws,
  type TransferFields,
} from '@dunlin/offline';

/** Why a transfer of a batch was not taken; each stands in docs/offline-tokens.md. */
export const transferRefusals = [
  'malformed',
  'wrong_algorithm',
  'bad_signature',
  'unknown_key',
  'unknown_input',
  'not_transferable',
  'wrong_signer',
  'amount_mismatch',
  'too_many_hops',
  'unknown_receiver',
  'key_revoked',
  'account_frozen',
  'account_closed',
  'double_spend',
  'expired_refunded',
] as const;
export type TransferRefusal = (typeof transferRefusals)[number];

/** A transfer taken apart; nothing of it is verified. */
export interface ReadTransfer {
  kind: 'read';
  compact: string;
  jws: OpenedJws;
  fields: TransferFields;
  /** The SHA-256 of the payload, as bytes and as text to compare by. */
  name: Buffer;
  nameText: string;
  previousText: string;
}

/** Takes a transfer apart: sizes, counts and the form, some 10 µs, so that nonsense never costs a signature. */
export function readTransfer(compact: string): ReadTransfer | { kind: 'refused'; code: TransferRefusal } {
  const jws = openCompactJws(compact, transferType, maxTransferLength);
  if (jws.kind !== 'ok') return { kind: 'refused', code: jws.kind };
  if (!hasSignatureLength(jws.signature)) return { kind: 'refused', code: 'bad_signature' };
  const fields = decodeTransferPayload(jws.payload);
  if (fields === undefined) return { kind: 'refused', code: 'malformed' };
  const name = Buffer.from(pieceName(jws.payload));
  return {
    kind: 'read',
    compact,
    jws,
    fields,
    name,
    nameText: name.toString('base64url'),
    previousText: Buffer.from(fields.previous).toString('base64url'),
  };
}
