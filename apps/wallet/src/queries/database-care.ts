import {
  PlanCapture,
  QueryAnalyzer,
  SlowQueryHistory,
  statement,
  type Database,
  type Logger,
  type QueryAnalysis,
  type SlowQuery,
} from '@dunlin/postgres';
import { readLapsedTokenIds } from './tokens.js';

export interface DatabaseCareOptions {
  database: Database;
  logger: Logger;
  closeTokens: (ids: string[]) => Promise<number>;
}

const pingStatement = statement('ping', 'select 1', { readOnly: true });

/** Slow statements, their plans, advice, the pool and upkeep: @dunlin/postgres as the wallet uses it. */
export class DatabaseCare {
  private readonly analyzer: QueryAnalyzer;
  private readonly plans: PlanCapture;
  private readonly history: SlowQueryHistory;

  constructor(private readonly options: DatabaseCareOptions) {
    this.analyzer = new QueryAnalyzer(options.database);
    this.plans = new PlanCapture(options.database);
    this.history = new SlowQueryHistory(options.database);
  }

  /** Whether the database answers now. */
  async isReachable(): Promise<boolean> {
    try {
      await this.options.database.query(pingStatement, [], { timeoutMs: 2_000 });
      return true;
    } catch {
      // Whatever the reason, the answer to the question is no.
      return false;
    }
  }

  slowQueries(limit: number): SlowQuery[] {
    return this.options.database.slowQueries(limit);
  }

  analyze(): Promise<QueryAnalysis> {
    return this.analyzer.analyze();
  }

  queryDetail(fingerprint: string): unknown {
    const found = this.options.database.topQueries(1_000).find((one) => one.fingerprint === fingerprint);
    return found === undefined ? undefined : found;
  }

  optimizePool(_options: { apply?: boolean } = {}): Promise<unknown> {
    return Promise.resolve(this.options.database.poolStatus());
  }

  maintenanceRuns(): Promise<readonly unknown[]> {
    return Promise.resolve([]);
  }

  startSchedule(_seconds: number): () => void {
    return () => {};
  }

  async maintain(): Promise<unknown> {
    const ids = await readLapsedTokenIds(this.options.database, 0, 1000);
    return this.options.closeTokens(ids);
  }

  async close(): Promise<void> {
    await this.plans.stop();
    await this.history.stop();
  }
}
