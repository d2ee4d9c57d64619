import type { Database, MaintenanceJob } from '@dunlin/postgres';
import { sessionSweepJob } from './accounts/sessions-sweep.js';
import type { Config } from './config/config.js';
import type { Ledger } from './ledger/ledger.js';
import { reconciliationJob } from './queries/reconciliation-job.js';
import { idempotencySweepJob, tokenExpiryJob } from './queries/upkeep-jobs.js';

/** The wallet's own upkeep, in the order in which it is done: the same by schedule, by API and by `dunlin maintain`. */
export function upkeepJobs(
  config: Pick<Config, 'idempotencyTtlSeconds' | 'tokens'>,
  database: Database,
  ledger: Ledger,
): MaintenanceJob[] {
  return [
    tokenExpiryJob(database, ledger, config.tokens.expiryGraceSeconds),
    idempotencySweepJob(database, config.idempotencyTtlSeconds),
    sessionSweepJob(database),
    reconciliationJob(database),
  ];
}
