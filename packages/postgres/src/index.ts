export { Database } from './database.js';
export { statement, type Statement } from './statement.js';
export { Transaction, type Hook, type QueryOptions, type ReadOptions, type Rows } from './transaction.js';
export type { TransactionOptions } from './transaction-attempts.js';
export type { ConnectionParameters, DatabaseOptions, ReplicaOptions } from './options.js';
export { parseWalPosition, PRIMARY_ONLY, type WalPosition } from './replicas/wal-position.js';
export type { ReplicaReads, ReplicaStatus } from './replicas/replica-status.js';
export type { ListenOptions } from './listener.js';
export { DATABASE_ERROR_KINDS, DatabaseError, OptionError, type DatabaseErrorKind } from './errors.js';
export type { Clock } from './clock.js';
export type { Logger } from './logger.js';
export type { PoolClientLike, PoolLike } from './pool/pool-like.js';
export { readServerFacts } from './primary/server-facts.js';
export { findPrimary } from './primary/find-primary.js';
export { listServers, type Server } from './primary/server-list.js';
export { TimelineFence, type ServerFacts } from './primary/timeline-fence.js';
export type { PoolStatus } from './pool/pool-status.js';
export type { QueryContext, QueryEvent, QueryListener } from './queries/query-event.js';
export { fingerprint, withoutValues, type Fingerprint } from './queries/fingerprint.js';
export type { StatementStatistics } from './queries/statement-record.js';
export type { SlowQuery } from './queries/slow-query.js';
export type { RequestFinding } from './queries/request-watch.js';
export { PlanCapture } from './queries/plan-capture.js';
export { explain, type PlanOutcome } from './queries/plan.js';
export type { PlanNode } from './queries/plan-node.js';
export type { PlanTree } from './queries/plan-tree.js';
export {
  SlowQueryHistory,
  slowQueryHistoryDown,
  slowQueryHistoryUp,
  type SlowQueryHistoryOptions,
} from './queries/slow-query-history.js';
export { QueryAnalyzer, type AnalysisOptions, type QueryAnalysis } from './indexes/analysis.js';
export type { AdvisorOptions } from './indexes/advisor.js';
export type { IndexEvidence, IndexRecommendation, ServedQuery } from './indexes/recommendation.js';
export {
  applyRecommendation,
  IndexTrial,
  type BuildOutcome,
  type MeasuredQuery,
  type TrialOutcome,
} from './indexes/trial.js';
export {
  advisePoolSize,
  PoolOptimizer,
  type PoolAdvice,
  type PoolOptimizationOptions,
  type PoolOutcome,
  type PoolReading,
} from './pool/pool-sizing.js';
export { Maintainer, type MaintenanceOptions, type ScheduleOptions } from './maintenance/maintainer.js';
export { maintenanceDown, maintenanceUp } from './maintenance/maintenance-table.js';
export type {
  MaintenanceJob,
  MaintenanceOutcome,
  MaintenanceRun,
  MaintenanceStep,
} from './maintenance/maintenance-run.js';
export { readTableHealth, type TableHealth } from './maintenance/table-health.js';
export type { Session } from './database.js';
