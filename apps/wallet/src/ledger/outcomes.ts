import { statement } from '@dunlin/postgres';
import { metadataOf, type PreparedOperation } from './batch-arguments.js';
import type { AccountChange, HoldSettlement, Operation, OperationOutcome, RefusalCode } from './operation.js';
import { refusalCodes } from './operation.js';
import type { Queryable } from './queryable.js';
import { fromRow, transactionColumns, type Transaction, type TransactionRow } from './transaction.js';

/**
 * What a call returns: items as parallel arrays, then the user accounts that the batch touched. The functions for plain transfers leave the
 * items and the accounts null when every item was completed, and all of the call's accounts changed.
 */
export interface ExecuteRow {
  outcomes: string[] | null;
  transaction_ids: (string | null)[] | null;
  refusal_details: (string | { ids?: string[] } | null)[] | null;
  executed_at: Date;
  changed_accounts: string[] | null;
  versions_before: bigint[];
  versions: bigint[];
  balances: bigint[];
  helds: bigint[];
  publication: unknown;
}

const replayStatement = statement(
  'ledger_replayed_transaction',
  `select ${transactionColumns} from transactions where id = $1`,
  { readOnly: true },
);

/** The outcome of each item. A replay is read from the database by itself, so that it cannot fail its neighbours. */
export function readOutcomes(
  database: Queryable,
  currency: string,
  batch: readonly PreparedOperation[],
  row: ExecuteRow,
): (OperationOutcome | Promise<OperationOutcome>)[] {
  return batch.map((prepared, at) => {
    const outcome = row.outcomes === null ? 'completed' : (row.outcomes[at] as string);
    if (outcome === 'completed') {
      return { kind: 'completed', replayed: false, transaction: asTransaction(prepared, currency, row.executed_at) };
    }
    if (outcome === 'replayed') return replay(database, prepared.operation, row.transaction_ids?.[at] as string);
    return refusal(outcome, row.refusal_details?.[at] ?? null);
  });
}

/** `accountIds` are those of the call, in its order. */
export function readChanges(
  batch: readonly PreparedOperation[],
  accountIds: readonly string[],
  row: ExecuteRow,
): AccountChange[] {
  const notByTheRowAlone = new Set(batch.map(({ operation }) => changesMoreThanBalance(operation)));
  return (row.changed_accounts ?? accountIds).map((accountId, at) => {
    const version = row.versions[at] as bigint;
    if (notByTheRowAlone.has(accountId)) return { accountId, version };
    const [versionBefore, balance, held] = [row.versions_before[at], row.balances[at], row.helds[at]] as [
      bigint,
      bigint,
      bigint,
    ];
    return { accountId, version, posted: { versionBefore, balance, held } };
  });
}

/** Whose balance as it is shown changes in more than what is available: in its tokens, or in what is laid aside. */
function changesMoreThanBalance(operation: Operation): string | undefined {
  switch (operation.type) {
    case 'token_purchase':
    case 'token_redemption':
      return operation.userId;
    case 'hold':
      return operation.senderId;
    case 'hold_capture':
    case 'hold_release':
    case 'hold_lapse':
      return operation.hold.senderId;
    default:
      return undefined;
  }
}

function refusal(outcome: string, detail: string | { ids?: string[] } | null): OperationOutcome {
  const replayed = outcome.startsWith('replayed:');
  const code = replayed ? outcome.slice('replayed:'.length) : outcome;
  if (!isRefusalCode(code)) throw new TypeError(`ledger_execute answered with an unknown outcome: ${code}`);
  const parsed = typeof detail === 'string' ? (JSON.parse(detail) as { ids?: string[] }) : detail;
  return { kind: 'refused', replayed, code, ...(parsed?.ids === undefined ? {} : { tokenIds: parsed.ids }) };
}

async function replay(database: Queryable, operation: Operation, transactionId: string): Promise<OperationOutcome> {
  const { rows } = await database.query<TransactionRow>(replayStatement, [transactionId]);
  const row = rows[0];
  if (row === undefined) throw new TypeError('An idempotency key names a transaction that does not exist');
  const transaction = fromRow(row);
  // The answer to a hold was that it is pending, whatever became of it since.
  const answered = operation.type === 'hold' ? { status: 'pending' as const, completedAt: null } : {};
  return { kind: 'completed', replayed: true, transaction: { ...transaction, ...answered } };
}

const knownCodes: ReadonlySet<string> = new Set(refusalCodes);
const isRefusalCode = (code: string): code is RefusalCode => knownCodes.has(code);

function asTransaction({ operation, transactionId }: PreparedOperation, currency: string, at: Date): Transaction {
  switch (operation.type) {
    case 'hold_capture':
      return { ...operation.hold, status: 'completed', completedAt: at };
    case 'hold_release':
    case 'hold_lapse':
      return { ...operation.hold, status: 'cancelled' };
    case 'hold': {
      const expiresAt = new Date(at.getTime() + operation.expiresInSeconds * 1000).toISOString();
      const posted = newTransaction(operation, transactionId, currency, at);
      return { ...posted, status: 'pending', completedAt: null, metadata: { ...posted.metadata, expiresAt } };
    }
    default:
      return newTransaction(operation, transactionId, currency, at);
  }
}

type Posting = Exclude<Operation, HoldSettlement>;

function newTransaction(operation: Posting, transactionId: string, currency: string, at: Date): Transaction {
  return {
    id: transactionId,
    type: operation.type === 'hold' || operation.type === 'reversal' ? 'online' : operation.type,
    status: 'completed',
    senderId: sender(operation),
    receiverId: receiver(operation),
    amount: operation.amount,
    currency,
    note: operation.note ?? null,
    createdAt: at,
    completedAt: at,
    metadata: metadataOf(operation) ?? null,
  };
}

function sender(operation: Posting): string | null {
  switch (operation.type) {
    case 'online':
    case 'hold':
      return operation.senderId;
    case 'reversal':
      return operation.original.receiverId;
    case 'withdrawal':
    case 'token_purchase':
      return operation.userId;
    case 'deposit':
    case 'token_redemption':
      return null;
  }
}

function receiver(operation: Posting): string | null {
  switch (operation.type) {
    case 'online':
    case 'hold':
      return operation.receiverId;
    case 'reversal':
      return operation.original.senderId;
    case 'deposit':
    case 'token_redemption':
      return operation.userId;
    case 'withdrawal':
    case 'token_purchase':
      return null;
  }
}
