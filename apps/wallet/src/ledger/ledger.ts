import { statement, type Statement } from '@dunlin/postgres';
import { v7 as uuidv7 } from 'uuid';
import { batchArguments, parties, type PreparedOperation } from './batch-arguments.js';
import { GroupCommit } from './group-commit.js';
import { IllegalTokenTransition } from './errors.js';
import { KeysUnderWay } from './keys-under-way.js';
import { readChanges, readOutcomes, type ExecuteRow } from './outcomes.js';
import type { AccountChange, Operation, OperationOutcome } from './operation.js';
import type { Queryable } from './queryable.js';
import { arePlainTransfers, transferArguments, transferBatchArguments } from './transfer-arguments.js';

/** What a commit changed, handed to `afterCommit` before anybody is answered. `published` is what `cache_publish` returned. */
export interface LedgerCommit {
  published: unknown;
  changes: readonly AccountChange[];
}

export interface LedgerOptions {
  database: Queryable;
  /** ISO 4217; every account of this ledger is kept in it. */
  currency: string;
  /** The name under which this instance publishes what its commits made stale. */
  writer: string;
  /** Awaited after every commit and before the answers: when it resolves, no instance serves the older balance any more. */
  afterCommit: (commit: LedgerCommit) => Promise<void>;
  /** Told when a connection broke while a commit was on its way: these accounts may have changed. */
  afterUnknownOutcome: (accountIds: readonly string[]) => void;
  maxBatchSize?: number;
  maxConcurrentBatches?: number;
  maxWaiting?: number;
}

/** What a call of one of the three functions is made of; `accountIds` where the answer may leave them out. */
interface LedgerCall {
  statement: Statement;
  values: unknown[];
  accountIds: readonly string[];
}

const executeStatement = callOf('ledger_execute', 17);
const transferStatement = callOf('ledger_transfer', 14);
const transferBatchStatement = callOf('ledger_transfer_batch', 22);
const closeTokensStatement = statement(
  'ledger_close_tokens',
  'select * from ledger_close_tokens($1, $2, $3, $4, make_interval(secs => $5))',
);

const inFlight: OperationOutcome = { kind: 'refused', replayed: false, code: 'idempotency_key_in_flight' };

const transientCodes = new Set(['40001', '40P01']);
const maxAttempts = 5;

/**
 * Moves money. Every operation is one database call that commits by itself; operations that wait share one
 * (`GroupCommit`). Refusals are values; a rejection means that the database could not do it or that the outcome is unknown, and
 * repeating the call with the same idempotency key is always safe.
 */
export class Ledger {
  private readonly commits: GroupCommit<Operation, OperationOutcome>;
  private readonly keysUnderWay = new KeysUnderWay();

  constructor(private readonly options: LedgerOptions) {
    this.commits = new GroupCommit((batch) => this.executeBatch(batch), {
      maxBatchSize: options.maxBatchSize ?? 100,
      maxConcurrentBatches: options.maxConcurrentBatches ?? 2,
      maxWaiting: options.maxWaiting ?? 10_000,
      mayRunAlone: (error) => errorKind(error) === 'rejected',
      locks: (operation) => Object.values(parties(operation)),
    });
  }

  get currency(): string {
    return this.options.currency;
  }

  /** @throws LedgerBusy when too many operations wait; the database's errors otherwise. */
  execute(operation: Operation): Promise<OperationOutcome> {
    const { idempotency } = operation;
    if (idempotency === undefined) return this.commits.submit(operation);
    return this.keysUnderWay.hold(idempotency, () => this.commits.submit(operation), inFlight);
  }

  /**
   * Closes active tokens in bulk, as one statement: `expired` refunds those whose expiry passed `graceSeconds` ago, `redeemed`
   * credits those that are still good. Others are left alone. Returns how many changed.
   * @throws IllegalTokenTransition for a status that does not return the money to its owner.
   */
  async closeTokens(ids: readonly string[], status: string, graceSeconds = 0): Promise<number> {
    if (status !== 'expired' && status !== 'redeemed') throw new IllegalTokenTransition(closeRefusal(status));
    const values = [this.options.writer, this.options.currency, ids, status, graceSeconds];
    const row = await this.retrying(async () => {
      const { rows } = await this.options.database.query<CloseTokensRow>(closeTokensStatement, values);
      return rows[0] as CloseTokensRow;
    });
    const changes = row.changed_accounts.map((accountId, at) => ({ accountId, version: row.versions[at] as bigint }));
    await this.options.afterCommit({ published: row.publication, changes });
    return row.closed;
  }

  private async executeBatch(batch: Operation[]): Promise<Promise<OperationOutcome>[]> {
    const prepared: PreparedOperation[] = batch.map((operation) => ({
      operation,
      transactionId: 'hold' in operation ? operation.hold.id : uuidv7(),
    }));
    const call = this.callFor(prepared);
    try {
      const row = await this.retrying(async () => {
        const { rows } = await this.options.database.query<ExecuteRow>(call.statement, call.values);
        return rows[0] as ExecuteRow;
      });
      // Each answer waits until the commit may be acknowledged; the next batch need not, so it is not held up.
      const acknowledged = this.options.afterCommit({
        published: row.publication,
        changes: readChanges(prepared, call.accountIds, row),
      });
      return readOutcomes(this.options.database, this.options.currency, prepared, row).map((outcome) =>
        outcome instanceof Promise
          ? Promise.all([outcome, acknowledged]).then(([settled]) => settled)
          : acknowledged.then(() => outcome),
      );
    } catch (error) {
      if (errorKind(error) === 'outcome_unknown') {
        this.options.afterUnknownOutcome(batch.flatMap((operation) => Object.values(parties(operation))));
      }
      throw error;
    }
  }

  /** Plain transfers have a short way, one alone the shortest; whatever does not fit it is passed on inside the database. */
  private callFor(batch: readonly PreparedOperation[]): LedgerCall {
    const { writer, currency } = this.options;
    if (!arePlainTransfers(batch)) {
      return { statement: executeStatement, values: batchArguments(writer, currency, batch), accountIds: [] };
    }
    const [only] = batch;
    return only !== undefined && batch.length === 1
      ? { statement: transferStatement, ...transferArguments(writer, currency, only) }
      : { statement: transferBatchStatement, ...transferBatchArguments(writer, currency, batch) };
  }

  /** Locks are taken in one order, so a deadlock is not expected; should PostgreSQL see one, nothing was kept and we go again. */
  private async retrying<Value>(work: () => Promise<Value>): Promise<Value> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        const code = (error as { code?: unknown }).code;
        if (attempt >= maxAttempts || typeof code !== 'string' || !transientCodes.has(code)) throw error;
      }
    }
  }
}

interface CloseTokensRow {
  closed: number;
  changed_accounts: string[];
  versions: bigint[];
  publication: unknown;
}

function closeRefusal(status: string): string {
  if (status === 'spent' || status === 'divided') {
    return `A token becomes ${status} only together with the tokens that take its place; use sync or divide.`;
  }
  return `Tokens can be closed in bulk as expired or redeemed, not as ${JSON.stringify(status)}.`;
}

function callOf(name: string, parameters: number): Statement {
  const places = Array.from({ length: parameters }, (_, at) => `$${at + 1}`);
  return statement(name, `select * from ${name}(${places.join(', ')})`);
}

/** The kind of a `DatabaseError` of @dunlin/postgres, read structurally: the ledger depends on no class of it. */
function errorKind(error: unknown): unknown {
  return (error as { kind?: unknown } | null)?.kind;
}
