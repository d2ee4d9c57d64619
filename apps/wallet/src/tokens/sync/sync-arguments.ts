import { v7 as uuidv7 } from 'uuid';
import { issuerStripe } from '../../ledger/system-accounts.js';
import type { AmountMinor } from '../../ledger/money.js';
import type { Origin } from '../../ledger/operation.js';
import type { TokenIssuer, UnsignedToken } from '../token-issuer.js';
import { pauseEvery } from './pause.js';
import type { PlannedTransfer, SyncPlan } from './plan.js';

/** An output of a planned transfer and the token that it would become. */
export interface PlannedOutput {
  item: number;
  output: number;
  userId: string;
  token: UnsignedToken;
  /** One transaction for each receiver of a transfer; null for what goes back to its sender. */
  transactionId: string | null;
  /** Whether the token has to be signed; what was taken in before is not made again. */
  fresh: boolean;
}

/** The outputs of all planned transfers, each a token that lacks its signature; some 50 µs each, so with pauses. */
export async function planOutputs(
  planned: readonly PlannedTransfer[],
  issuer: TokenIssuer,
  keyId: string,
  issuedAtMs: number,
): Promise<PlannedOutput[]> {
  const made = new Map<PlannedTransfer, PlannedOutput[]>();
  for (const [item, one] of planned.entries()) {
    await pauseEvery(64, item);
    made.set(one, outputsOf(one, item, spentTokenId(one, made)));
  }
  return [...made.values()].flat();

  function outputsOf(one: PlannedTransfer, item: number, parentId: string): PlannedOutput[] {
    const transactions = new Map<string, string>();
    return one.transfer.fields.outputs.map(({ keyId: deviceKeyId, amountMinor }, output) => {
      const { userId } = one.receivers[output] as PlannedTransfer['receivers'][number];
      if (userId !== one.signer.userId && !transactions.has(userId)) transactions.set(userId, uuidv7());
      const amount = amountMinor as AmountMinor;
      const token = issuer.draft({ amount, issuedAtMs, expiresAtMs: one.expiresAtMs, deviceKeyId, parentId }, keyId);
      return { item, output, userId, token, transactionId: transactions.get(userId) ?? null, fresh: !one.known };
    });
  }
}

function spentTokenId({ input }: PlannedTransfer, made: ReadonlyMap<PlannedTransfer, PlannedOutput[]>): string {
  if (input.kind === 'stored') return input.tokenId;
  const output = made.get(input.parent)?.[input.output];
  if (output === undefined) throw new TypeError('a transfer was planned before the one that it spends');
  return output.token.id;
}

export interface SyncCall {
  writer: string;
  currency: string;
  callerId: string;
  key: string;
  requestHash: Buffer;
  redeem: boolean;
  plan: SyncPlan;
  outputs: readonly PlannedOutput[];
  /** The signed form of each output's token. */
  compacts: readonly string[];
  issuerKeyId: string;
  issuedAtMs: number;
  origin?: Omit<Origin, 'actorId'> | undefined;
}

/** The accounts that a batch may touch, once each in ascending order: the order in which every operation locks them. */
export function accountsOfSync(callerId: string, plan: SyncPlan): string[] {
  const users = [
    callerId,
    ...plan.planned.flatMap(({ signer, receivers }) => [signer.userId, ...receivers.map(({ userId }) => userId)]),
  ];
  return [...new Set(users.flatMap((userId) => [userId, issuerStripe(userId)]))].sort();
}

/** The arguments of `tokens_sync`, in its order. */
export function syncArguments(call: SyncCall): unknown[] {
  const { planned, refused } = call.plan;
  const { outputs } = call;
  const accounts = accountsOfSync(call.callerId, call.plan);
  const positions = new Map(accounts.map((id, at) => [id, at + 1]));
  const outputAt = new Map(outputs.map(({ item, output }, at) => [`${item}.${output}`, at + 1]));
  const itemOf = new Map(planned.map((one, at) => [one, at]));
  return [
    call.writer,
    call.currency,
    call.callerId,
    call.key,
    call.requestHash,
    call.redeem ? uuidv7() : null,
    JSON.stringify(refused.map(({ index, code }) => ({ index, status: 'rejected', code }))),
    accounts,
    planned.map(({ index }) => index),
    planned.map(({ transfer }) => transfer.name),
    planned.map(({ known }) => known),
    planned.map(({ transfer }) => transfer.jws.keyId),
    planned.map(({ signer }) => positions.get(signer.userId)),
    planned.map(({ input }) => (input.kind === 'stored' ? input.tokenId : null)),
    planned.map(({ input }) =>
      input.kind === 'output' ? outputAt.get(`${itemOf.get(input.parent)}.${input.output}`) : null,
    ),
    planned.map(({ transfer }) => transfer.fields.tokenId),
    planned.map(({ hopsLeft }) => hopsLeft),
    planned.map(({ transfer }) => transfer.compact),
    planned.map(({ transfer }) => JSON.stringify(transferMetadata(transfer.nameText, transfer.fields.signedAtMs))),
    outputs.map(({ item }) => item + 1),
    outputs.map(({ output }) => output),
    outputs.map(({ token }) => token.id),
    outputs.map(({ userId }) => positions.get(userId)),
    outputs.map(({ userId }) => positions.get(issuerStripe(userId))),
    outputs.map(({ token }) => token.amount.toString()),
    outputs.map(({ token }) => token.deviceKeyId),
    call.compacts,
    outputs.map(({ token }) => token.expiresAt),
    outputs.map(({ transactionId }) => transactionId),
    call.issuerKeyId,
    new Date(call.issuedAtMs),
    call.origin?.address ?? null,
    call.origin?.correlationId ?? null,
  ];
}

/** What the parties see with their transaction; the device's time is told as what it is, a statement of the device. */
function transferMetadata(transfer: string, signedAtMs: number): Record<string, unknown> {
  return { transfer, deviceTime: new Date(signedAtMs).toISOString() };
}
