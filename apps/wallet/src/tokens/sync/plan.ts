import { sumOfOutputs } from '@dunlin/offline';
import type { ReadTransfer, TransferRefusal } from './read-transfer.js';
import type { DeviceKey, StoredPiece, StoredPieces } from './stored-pieces.js';

/** A transfer that may be taken in, as far as what never changes can tell; its signature is still to be verified. */
export interface PlannedTransfer {
  /** Its place in the request. */
  index: number;
  transfer: ReadTransfer;
  signer: DeviceKey;
  /** What it spends: a token of the ledger, or the output of a transfer before it in this batch. */
  input: { kind: 'stored'; tokenId: string } | { kind: 'output'; parent: PlannedTransfer; output: number };
  expiresAtMs: number;
  hopsLeft: number;
  /** Whether it was taken in before. */
  known: boolean;
  /** The keys' users of its outputs, in their order. */
  receivers: DeviceKey[];
}

export interface RefusedTransfer {
  index: number;
  code: TransferRefusal;
}

export interface SyncPlan {
  planned: PlannedTransfer[];
  refused: RefusedTransfer[];
  /** Transfers that stand in the batch a second time, with the place of the first. */
  repeated: { index: number; of: number }[];
}

/** What a piece of a chain is worth to the transfer that spends it. */
interface Spendable extends Pick<StoredPiece, 'amountMinor' | 'keyId' | 'expiresAtMs' | 'hopsLeft'> {
  input: PlannedTransfer['input'];
}

/** Checks what needs no signature and no lock, in the order of the request: a chain's parents must stand before it. */
export function planSync(
  transfers: readonly { index: number; transfer: ReadTransfer }[],
  stored: StoredPieces,
): SyncPlan {
  const byName = new Map<string, PlannedTransfer>();
  const plan: SyncPlan = { planned: [], refused: [], repeated: [] };
  for (const { index, transfer } of transfers) {
    const planned = planOne(index, transfer, stored, byName);
    if (typeof planned === 'string') {
      plan.refused.push({ index, code: planned });
    } else {
      if (!byName.has(transfer.nameText)) byName.set(transfer.nameText, planned);
      plan.planned.push(planned);
    }
  }
  return plan;
}

/**
 * Takes those out whose signature does not fit, and with them whatever was to spend their outputs. One payload can carry several good
 * signatures; they are one transfer, so the second is only a repetition of the first.
 */
export function withoutForged({ planned, refused }: SyncPlan, fits: readonly boolean[]): SyncPlan {
  const kept = new Map<string, PlannedTransfer>();
  const sound: SyncPlan = { planned: [], refused: [...refused], repeated: [] };
  for (const [at, one] of planned.entries()) {
    const { index, transfer, input } = one;
    const same = kept.get(transfer.nameText);
    if (fits[at] !== true) sound.refused.push({ index, code: 'bad_signature' });
    else if (same !== undefined) sound.repeated.push({ index, of: same.index });
    else if (input.kind === 'output' && kept.get(input.parent.transfer.nameText) !== input.parent) {
      sound.refused.push({ index, code: 'unknown_input' });
    } else {
      kept.set(transfer.nameText, one);
      sound.planned.push(one);
    }
  }
  return sound;
}

function planOne(
  index: number,
  transfer: ReadTransfer,
  stored: StoredPieces,
  byName: ReadonlyMap<string, PlannedTransfer>,
): PlannedTransfer | TransferRefusal {
  const { fields, jws } = transfer;
  const signer = stored.keys.get(jws.keyId);
  if (signer === undefined) return 'unknown_key';
  const spent = spendable(transfer, stored, byName.get(transfer.previousText));
  if (spent === undefined) return 'unknown_input';
  if (spent.keyId === null) return 'not_transferable';
  if (spent.keyId !== jws.keyId) return 'wrong_signer';
  if (sumOfOutputs(fields.outputs) !== spent.amountMinor) return 'amount_mismatch';
  if (spent.hopsLeft < 1) return 'too_many_hops';
  const receivers: DeviceKey[] = [];
  for (const { keyId } of fields.outputs) {
    const receiver = stored.keys.get(keyId);
    if (receiver === undefined) return 'unknown_receiver';
    receivers.push(receiver);
  }
  return {
    index,
    transfer,
    signer,
    input: spent.input,
    expiresAtMs: spent.expiresAtMs,
    hopsLeft: spent.hopsLeft - 1,
    known: stored.known.has(transfer.nameText),
    receivers,
  };
}

function spendable(
  transfer: ReadTransfer,
  stored: StoredPieces,
  parent: PlannedTransfer | undefined,
): Spendable | undefined {
  const { tokenId, previousOutput } = transfer.fields;
  const piece = stored.find(transfer);
  if (piece !== undefined) return { ...piece, input: { kind: 'stored', tokenId: piece.tokenId } };
  const output = parent?.transfer.fields.outputs[previousOutput];
  if (parent === undefined || output === undefined || parent.transfer.fields.tokenId !== tokenId) return undefined;
  const { expiresAtMs, hopsLeft } = parent;
  return { ...output, expiresAtMs, hopsLeft, input: { kind: 'output', parent, output: previousOutput } };
}
