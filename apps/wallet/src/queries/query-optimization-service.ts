import { reconcile, type Reconciliation } from '../ledger/reconciliation.js';
import type { Queryable } from '../ledger/queryable.js';
import type { Transaction } from '../ledger/transaction.js';
import type { UserBalance } from './balance.js';
import { BalanceReads } from './balance-reads.js';
import type { DatabaseCare } from './database-care.js';
import { InvalidQueryOption } from './errors.js';
import type { HistoryPage } from './history.js';
import type { HistoryReader } from './history-reader.js';
import type { HistoryOptions } from './history-options.js';
import { readActiveTokens, readTokensPage, tokenStatuses, type StoredToken, type TokenStatus } from './tokens.js';
import { readTransaction } from './transaction-by-id.js';

export interface QueryOptimizationServiceOptions {
  database: Queryable;
  /** Pages of the history, from wherever they may be read. */
  history: HistoryReader;
  /** Closes tokens in bulk and posts what that moves; the ledger's `closeTokens`. */
  closeTokens: (ids: readonly string[], status: TokenStatus) => Promise<number>;
  /** Analysis, pool and upkeep, over @dunlin/postgres. */
  care: DatabaseCare;
}

const mostActiveTokens = 1_000;
const mostTokensOfUpdate = 100_000;

/** The wallet's reads, each one statement served by an index, and the care for the database that they run on. */
export class QueryOptimizationService {
  /** Behind `getUserBalance`, for whoever asks without a promise. */
  readonly balances: BalanceReads;

  constructor(private readonly options: QueryOptimizationServiceOptions) {
    this.balances = new BalanceReads(options.database);
  }

  /**
   * A user's money. One statement, whatever the length of the history; one for many where many ask at once.
   * @throws InvalidQueryOption when there is no such account.
   */
  getUserBalance(userId: string): Promise<UserBalance> {
    return this.balances.read(userId);
  }

  /**
   * What a user sent and received, one page: by number with totals, or by cursor. One statement; with replicas, a second one beside it.
   * @throws InvalidQueryOption that names what cannot be used.
   */
  getTransactionHistory(userId: string, options: HistoryOptions = {}): Promise<HistoryPage> {
    return this.options.history.read(userId, options);
  }

  /** One transaction by its id, whoever its parties are; the caller decides who may see it. */
  getTransaction(id: string): Promise<Transaction | undefined> {
    return readTransaction(this.options.database, id);
  }

  /** A user's active, unexpired tokens, the first to expire first; at most 1,000. */
  getActiveTokens(userId: string): Promise<StoredToken[]> {
    return readActiveTokens(this.options.database, userId, mostActiveTokens);
  }

  /** A page of a user's tokens, newest first; `nextCursor` is the `afterId` of the next. */
  async getTokens(
    userId: string,
    options: { status: TokenStatus | null; afterId: string | null; limit: number },
  ): Promise<{ tokens: StoredToken[]; nextCursor: string | null }> {
    const found = await readTokensPage(this.options.database, userId, options);
    const tokens = found.slice(0, options.limit);
    return { tokens, nextCursor: found.length > options.limit ? (tokens.at(-1)?.id ?? null) : null };
  }

  /**
   * Closes those of the tokens that may take this status, in one statement, and returns how many did: `expired` refunds tokens
   * past their expiry, `redeemed` credits those that are good; the others are left alone, so a call can be repeated.
   * @throws InvalidQueryOption for a status that does not exist; IllegalTokenTransition for one that needs more than this call.
   */
  async batchUpdateTokenStatus(ids: readonly string[], status: TokenStatus): Promise<number> {
    if (!tokenStatuses.includes(status)) {
      throw new InvalidQueryOption('status', `${JSON.stringify(status)} is none of ${tokenStatuses.join(', ')}`);
    }
    if (ids.length > mostTokensOfUpdate) throw new InvalidQueryOption('ids', `at most ${mostTokensOfUpdate} at once`);
    return ids.length === 0 ? 0 : this.options.closeTokens(ids, status);
  }

  /** Recomputes every balance from entries and from transactions and reports what differs. Reads the whole ledger. */
  reconcile(options: { signal?: AbortSignal } = {}): Promise<Reconciliation> {
    return reconcile(this.options.database, options);
  }

  /** Top queries, slow ones with their plans, and the statements that would mend them. */
  analyzeQueryPerformance(): ReturnType<DatabaseCare['analyze']> {
    return this.options.care.analyze();
  }

  /** How the pool is used and which size its waits advise; `apply` sets it. */
  optimizeConnectionPool(options: { apply?: boolean } = {}): ReturnType<DatabaseCare['optimizePool']> {
    return this.options.care.optimizePool(options);
  }

  /** ANALYZE and VACUUM where due, expiry of tokens with refund; never two at once across instances. */
  performMaintenance(): ReturnType<DatabaseCare['maintain']> {
    return this.options.care.maintain();
  }
}
