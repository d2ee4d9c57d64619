import {
  Maintainer,
  PlanCapture,
  PoolOptimizer,
  QueryAnalyzer,
  SlowQueryHistory,
  statement,
  type Database,
  type MaintenanceJob,
  type MaintenanceOutcome,
  type MaintenanceRun,
  type PoolOptimizationOptions,
  type PoolOutcome,
  type QueryAnalysis,
  type SlowQuery,
  type StatementStatistics,
} from '@dunlin/postgres';

export interface DatabaseCareOptions {
  database: Database;
  /** The wallet's own upkeep, run with the database's: expiry of tokens, old idempotency keys. */
  jobs: readonly MaintenanceJob[];
}

const pingStatement = statement('ping', 'select 1', { readOnly: true });
const pingTimeoutMs = 2_000;

/** Slow statements and their plans, advice, the pool's size and upkeep: @dunlin/postgres as the wallet uses it. */
export class DatabaseCare {
  private readonly analyzer: QueryAnalyzer;
  private readonly plans: PlanCapture;
  private readonly history: SlowQueryHistory;
  private readonly pool: PoolOptimizer;
  private readonly maintainer: Maintainer;

  constructor(private readonly options: DatabaseCareOptions) {
    const { database } = options;
    this.analyzer = new QueryAnalyzer(database);
    this.plans = new PlanCapture(database);
    this.history = new SlowQueryHistory(database);
    this.pool = new PoolOptimizer(database);
    this.maintainer = new Maintainer(database, options.jobs);
  }

  /** Whether the database answers now, within 2 s. */
  async isReachable(): Promise<boolean> {
    try {
      await this.options.database.query(pingStatement, [], { timeoutMs: pingTimeoutMs });
      return true;
    } catch {
      // Whatever the reason, the answer to the question is no.
      return false;
    }
  }

  /** The slowest recent statements of this process, newest first, with their plans in words where captured. */
  slowQueries(limit: number): SlowQuery[] {
    return this.options.database.slowQueries(limit);
  }

  /** What is known of one statement, and its slow executions; undefined for an unknown fingerprint. */
  queryDetail(fingerprint: string): (StatementStatistics & { slowExecutions: SlowQuery[] }) | undefined {
    const found = this.options.database.topQueries(1_000).find((one) => one.fingerprint === fingerprint);
    if (found === undefined) return undefined;
    return { ...found, slowExecutions: this.slowQueries(200).filter((one) => one.fingerprint === fingerprint) };
  }

  /** The plan of a statement that this process has sent, in words. */
  planOf(fingerprint: string): Promise<string | undefined> {
    return this.plans.planOf(fingerprint);
  }

  analyze(): Promise<QueryAnalysis> {
    return this.analyzer.analyze();
  }

  /** Advice from all that the server has counted, however long ago; `analyze` looks at the last half day or so once it can. */
  async advise(): Promise<QueryAnalysis['recommendations']> {
    return (await new QueryAnalyzer(this.options.database).analyze()).recommendations;
  }

  optimizePool(options: PoolOptimizationOptions = {}): PoolOutcome {
    return this.pool.optimizePool(options);
  }

  maintain(): Promise<MaintenanceOutcome> {
    return this.maintainer.performMaintenance();
  }

  maintenanceRuns(): Promise<MaintenanceRun[]> {
    return this.maintainer.recentRuns();
  }

  startSchedule(intervalSeconds: number): void {
    this.maintainer.start({ everyMs: intervalSeconds * 1000 });
  }

  async close(): Promise<void> {
    await this.maintainer.stop();
    await this.plans.stop();
    await this.history.stop();
  }
}
