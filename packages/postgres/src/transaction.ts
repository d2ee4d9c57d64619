import type { DatabaseError } from './errors.js';
import { isRetryable, isStalePreparedStatement } from './server-error.js';
import type { WalPosition } from './replicas/wal-position.js';
import type { Statement } from './statement.js';

export interface Rows<Row> {
  rows: Row[];
  rowCount: number;
  /** The replica that answered; absent when the primary did. */
  replica?: string;
}

export interface QueryOptions {
  /** Stops the statement at the server when it aborts. */
  signal?: AbortSignal | undefined;
  /** The same after so many milliseconds, which end at the server too. */
  timeoutMs?: number | undefined;
}

/** What a statement outside any transaction may say besides. */
export interface ReadOptions extends QueryOptions {
  /** `allowed`: a replica may answer, if one is current. For statements that were declared `readOnly`. */
  replica?: 'allowed' | undefined;
  /** What the answer must show at least: every write that was acknowledged before `Database.position` gave this. */
  after?: WalPosition | undefined;
}

export type Hook = () => void | Promise<void>;

export type RunStatement = (
  statement: Statement | string,
  values: readonly unknown[] | undefined,
  options: QueryOptions | undefined,
) => Promise<Rows<unknown>>;

/**
 * One attempt of a transaction, handed to the work that it is for. It is over when that work has ended: what is asked of
 * it later is refused. Statements run one after another, also when they are not awaited one by one.
 */
export class Transaction {
  /** 1 for the first attempt; the work runs anew for each, so it must leave nothing behind outside the database. */
  readonly attempt: number;
  readonly #run: RunStatement;
  readonly #hooks: Record<'commit' | 'rollback' | 'unknown', Hook[]> = { commit: [], rollback: [], unknown: [] };
  #tail: Promise<unknown> = Promise.resolve();
  #failure: DatabaseError | undefined;
  #ended = false;
  #savepoints = 0;

  constructor(attempt: number, run: RunStatement) {
    this.attempt = attempt;
    this.#run = run;
  }

  /** Runs a statement inside the transaction; errors as `Database.query`, and any of them dooms the attempt. */
  query<Row = Record<string, unknown>>(
    statement: Statement | string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<Rows<Row>> {
    if (this.#ended) {
      return Promise.reject(new Error('The transaction has ended; its statements must be awaited inside its work'));
    }
    const turn = this.#tail.then(() => this.#run(statement, values, options));
    // This also keeps a statement that nobody awaits from ending the process when it fails: the commit reports it as
    // `rolled_back`. The price is the caller's part of the stack, as V8 follows only promises with one reader; the
    // error names its statement instead.
    this.#tail = turn.catch((error: DatabaseError) => {
      this.#failure ??= error;
    });
    return turn as Promise<Rows<Row>>;
  }

  /**
   * Runs work of which a failure undoes that work alone. The error still reaches the caller, who may go on in the
   * transaction. Savepoints nest.
   */
  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    const name = `dunlin_${(this.#savepoints += 1)}`;
    await this.query(`SAVEPOINT ${name}`);
    const before = this.#failure;
    try {
      const value = await work();
      await this.query(`RELEASE SAVEPOINT ${name}`);
      return value;
    } catch (error) {
      await this.query(`ROLLBACK TO SAVEPOINT ${name}`);
      this.#failure = before;
      throw error;
    }
  }

  /** Runs after the commit is certain and before `transaction` resolves. A hook that fails is logged: the commit stands. */
  afterCommit(hook: Hook): void {
    this.#hooks.commit.push(hook);
  }

  /** Runs when this attempt was rolled back, each attempt's own. */
  afterRollback(hook: Hook): void {
    this.#hooks.rollback.push(hook);
  }

  /** Runs when the connection was lost during the commit: whoever must act on a *possible* commit (a cache) hooks here too. */
  afterOutcomeUnknown(hook: Hook): void {
    this.#hooks.unknown.push(hook);
  }

  /** @internal What the owner of the attempt may do. */
  static readonly control = {
    /** Waits for statements that nobody awaited and lets no more in. */
    async end(tx: Transaction): Promise<void> {
      await tx.#tail;
      tx.#ended = true;
    },
    /** Lets no more in, without waiting: the work was left behind. */
    cutOff(tx: Transaction): void {
      tx.#ended = true;
    },
    failure: (tx: Transaction): DatabaseError | undefined => tx.#failure,
    /** True when a statement failed in a way that another attempt may not, whatever the work made of that failure. */
    mayRetry: (tx: Transaction): boolean =>
      tx.#failure !== undefined && (isRetryable(tx.#failure) || isStalePreparedStatement(tx.#failure)),
    hooks: (tx: Transaction, outcome: 'commit' | 'rollback' | 'unknown'): readonly Hook[] => tx.#hooks[outcome],
  };
}
