import { statement } from '@dunlin/postgres';
import type { PreparedOperation } from './batch-arguments.js';
import type { AccountChange, Operation, OperationOutcome, RefusalCode } from './operation.js';
import { refusalCodes } from './operation.js';
import type { Queryable } from './queryable.js';
import { fromRow, transactionColumns, type Transaction, type TransactionRow } from './transaction.js';

/** What `ledger_execute` returns: items as parallel arrays, then the user accounts that the batch touched. */
export interface ExecuteRow {
  outcomes: string[];
  transaction_ids: (string | null)[];
  refusal_details: (string | { ids?: string[] } | null)[];
  executed_at: Date;
  changed_accounts: string[];
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
    const outcome = row.outcomes[at] as string;
    if (outcome === 'completed') {
      return { kind: 'completed', replayed: false, transaction: asTransaction(prepared, currency, row.executed_at) };
    }
    if (outcome === 'replayed') return replay(database, row.transaction_ids[at] as string);
    return refusal(outcome, row.refusal_details[at] ?? null);
  });
}

export function readChanges(batch: readonly PreparedOperation[], row: ExecuteRow): AccountChange[] {
  const withTokens = new Set(
    batch.flatMap(({ operation }) => ('tokens' in operation || 'tokenIds' in operation ? [operation.userId] : [])),
  );
  return row.changed_accounts.map((accountId, at) => {
    const version = row.versions[at] as bigint;
    if (withTokens.has(accountId)) return { accountId, version };
    const [versionBefore, balance, held] = [row.versions_before[at], row.balances[at], row.helds[at]] as [
      bigint,
      bigint,
      bigint,
    ];
    return { accountId, version, posted: { versionBefore, balance, held } };
  });
}

function refusal(outcome: string, detail: ExecuteRow['refusal_details'][number]): OperationOutcome {
  const replayed = outcome.startsWith('replayed:');
  const code = replayed ? outcome.slice('replayed:'.length) : outcome;
  if (!isRefusalCode(code)) throw new TypeError(`ledger_execute answered with an unknown outcome: ${code}`);
  const parsed = typeof detail === 'string' ? (JSON.parse(detail) as { ids?: string[] }) : detail;
  return { kind: 'refused', replayed, code, ...(parsed?.ids === undefined ? {} : { tokenIds: parsed.ids }) };
}

async function replay(database: Queryable, transactionId: string): Promise<OperationOutcome> {
  const { rows } = await database.query<TransactionRow>(replayStatement, [transactionId]);
  const row = rows[0];
  if (row === undefined) throw new TypeError('An idempotency key names a transaction that does not exist');
  return { kind: 'completed', replayed: true, transaction: fromRow(row) };
}

const knownCodes: ReadonlySet<string> = new Set(refusalCodes);
const isRefusalCode = (code: string): code is RefusalCode => knownCodes.has(code);

function asTransaction({ operation, transactionId }: PreparedOperation, currency: string, at: Date): Transaction {
  return {
    id: transactionId,
    type: operation.type,
    status: 'completed',
    senderId: sender(operation),
    receiverId: receiver(operation),
    amount: operation.amount,
    currency,
    note: operation.note ?? null,
    createdAt: at,
    completedAt: at,
    metadata: operation.metadata ?? null,
  };
}

function sender(operation: Operation): string | null {
  switch (operation.type) {
    case 'online':
      return operation.senderId;
    case 'withdrawal':
    case 'token_purchase':
      return operation.userId;
    case 'deposit':
    case 'token_redemption':
      return null;
  }
}

function receiver(operation: Operation): string | null {
  switch (operation.type) {
    case 'online':
      return operation.receiverId;
    case 'deposit':
    case 'token_redemption':
      return operation.userId;
    case 'withdrawal':
    case 'token_purchase':
      return null;
  }
}
