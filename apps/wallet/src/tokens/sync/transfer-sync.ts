import { attachSignature } from '@dunlin/offline';
import { statement } from '@dunlin/postgres';
import { LedgerBusy } from '../../ledger/group-commit.js';
import {
  refusalCodes,
  type Idempotency,
  type OperationOutcome,
  type Origin,
  type RefusalCode,
} from '../../ledger/operation.js';
import type { IssuerKey } from '../../keys/keyring.js';
import type { SignatureWorkers } from '../signature-workers.js';
import { commitAndAnnounce, type PublishedRow, type TokenCommits } from '../token-commits.js';
import type { TokenIssuer } from '../token-issuer.js';
import { pauseEvery } from './pause.js';
import { planSync, withoutForged, type RefusedTransfer, type SyncPlan } from './plan.js';
import { readTransfer, type ReadTransfer, type TransferRefusal } from './read-transfer.js';
import { readStoredPieces } from './stored-pieces.js';
import { accountsOfSync, planOutputs, syncArguments } from './sync-arguments.js';

export interface TransferSyncOptions {
  commits: TokenCommits;
  currency: string;
  issuer: TokenIssuer;
  keyring: { readonly issuerKey: IssuerKey };
  workers: SignatureWorkers;
  clock: { wallMs(): number };
}

export interface SyncRequest {
  callerId: string;
  /** Device transfers in their signed compact form; a chain's parents first. At most 1,000. */
  transfers: readonly string[];
  /** Credits what ends up with the caller at once. */
  redeem: boolean;
  idempotency: Idempotency;
  /** From where the caller asks: what the audit log keeps. */
  origin?: Omit<Origin, 'actorId'>;
}

export interface TransferResult {
  index: number;
  status: 'accepted' | 'duplicate' | 'rejected';
  code?: TransferRefusal;
  /** One for each receiver who is not the sender. */
  transactionIds?: string[];
}

export type SyncOutcome =
  | {
      kind: 'completed';
      replayed: boolean;
      results: TransferResult[];
      /** What was credited with `redeem`, minor units; undefined when that was nothing. */
      redemption: { transactionId: string; amount: string } | undefined;
    }
  | Extract<OperationOutcome, { kind: 'refused' }>;

export const mostTransfersOfSync = 1_000;
const mostAttempts = 5;
/** Transfers read between two breaths of the event loop: about 2 ms. */
const readAtOnce = 128;

interface SyncRow extends PublishedRow {
  outcome: string;
  results: TransferResult[] | null;
  redemption: { transactionId: string; amount: string } | null;
}

const placeholders = Array.from({ length: 33 }, (_, at) => `$${at + 1}`).join(', ');
const syncStatement = statement('tokens_sync', `select * from tokens_sync(${placeholders})`);

/**
 * Takes in what devices passed on among themselves. Cheap checks first, over the whole batch; then the signatures, in worker
 * threads; then one call of the database that decides under its locks and writes everything in one commit.
 */
export class TransferSync {
  constructor(private readonly options: TransferSyncOptions) {}

  /** @throws SignatureWorkersBusy, LedgerBusy when too much is under way; the database's errors otherwise. */
  async sync(request: SyncRequest): Promise<SyncOutcome> {
    const batch = await readBatch(request.transfers);
    for (let attempt = 1; attempt <= mostAttempts; attempt += 1) {
      const { row, repeated } = await this.attempt(request, batch);
      // Another call took one of these in since they were looked up; what it made is found on the next look.
      if (row.outcome !== 'stale') return readOutcome(row, [...repeated, ...batch.repeated]);
    }
    throw new LedgerBusy('The same transfers are being synced elsewhere, again and again');
  }

  private async attempt(request: SyncRequest, batch: Batch): Promise<{ row: SyncRow; repeated: SyncPlan['repeated'] }> {
    const { commits, issuer, keyring, workers, clock, currency } = this.options;
    const stored = await readStoredPieces(
      commits.database,
      batch.read.map(({ transfer }) => transfer),
    );
    const plan = await this.verified(planSync(batch.read, stored));
    plan.refused.push(...batch.refused);
    const issuerKey = keyring.issuerKey;
    const issuedAtMs = clock.wallMs();
    const outputs = await planOutputs(plan.planned, issuer, issuerKey.id, issuedAtMs);
    const fresh = outputs.filter((output) => output.fresh);
    const signatures = await workers.sign(
      issuerKey.privateKey,
      fresh.map(({ token }) => token.signingInput),
    );
    const compactOf = new Map(
      fresh.map(({ token }, at) => [token.id, attachSignature(token.signingInput, signatures[at] as Uint8Array)]),
    );
    const values = syncArguments({
      writer: commits.writer,
      currency,
      callerId: request.callerId,
      key: request.idempotency.key,
      requestHash: request.idempotency.requestHash,
      redeem: request.redeem,
      plan,
      outputs,
      compacts: outputs.map(({ token }) => compactOf.get(token.id) ?? ''),
      issuerKeyId: issuerKey.id,
      issuedAtMs,
      origin: request.origin,
    });
    const row = await commitAndAnnounce(commits, accountsOfSync(request.callerId, plan), async (transaction) => {
      const { rows } = await transaction.query<SyncRow>(syncStatement, values);
      return rows[0] as SyncRow;
    });
    return { row, repeated: plan.repeated };
  }

  private async verified(plan: SyncPlan): Promise<SyncPlan> {
    const fits = await this.options.workers.verify(
      plan.planned.map(({ transfer: { jws }, signer }) => ({
        publicKey: signer.publicKey,
        message: jws.signingInput,
        signature: jws.signature,
      })),
    );
    return withoutForged(plan, fits);
  }
}

interface Batch {
  read: { index: number; transfer: ReadTransfer }[];
  refused: RefusedTransfer[];
  /** The same texts again. */
  repeated: SyncPlan['repeated'];
}

async function readBatch(compacts: readonly string[]): Promise<Batch> {
  const batch: Batch = { read: [], refused: [], repeated: [] };
  const first = new Map<string, number>();
  for (const [index, compact] of compacts.entries()) {
    await pauseEvery(readAtOnce, index);
    const transfer = readTransfer(compact);
    if (transfer.kind === 'refused') {
      batch.refused.push({ index, code: transfer.code });
      continue;
    }
    const of = first.get(compact);
    if (of === undefined) {
      first.set(compact, index);
      batch.read.push({ index, transfer });
    } else {
      batch.repeated.push({ index, of });
    }
  }
  return batch;
}

function readOutcome(row: SyncRow, repeated: SyncPlan['repeated']): SyncOutcome {
  const replayed = row.outcome.startsWith('replayed');
  if (row.outcome === 'completed' || row.outcome === 'replayed') {
    const results = new Map((row.results ?? []).map((result) => [result.index, result]));
    for (const { index, of } of repeated) results.set(index, repetition(index, results.get(of)));
    const inOrder = [...results.values()].sort((one, other) => one.index - other.index);
    return { kind: 'completed', replayed, results: inOrder, redemption: row.redemption ?? undefined };
  }
  const code = (replayed ? row.outcome.slice('replayed:'.length) : row.outcome) as RefusalCode;
  if (!refusalCodes.includes(code)) throw new TypeError(`tokens_sync answered with an unknown outcome: ${code}`);
  return { kind: 'refused', replayed, code };
}

/** A transfer that stands in a batch twice is the same transfer, not a second spending. */
function repetition(index: number, first: TransferResult | undefined): TransferResult {
  if (first === undefined) throw new TypeError('a repeated transfer has lost its first');
  return { ...first, index, status: first.status === 'rejected' ? 'rejected' : 'duplicate' };
}
