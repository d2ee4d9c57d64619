import type { Condition, ConditionState } from '@dunlin/monitoring';
import { statement, type MaintenanceRun } from '@dunlin/postgres';
import type { Queryable } from '../ledger/queryable.js';
import { lastReconciliation } from '../queries/ledger-health.js';
import { reconciliationTask } from '../queries/reconciliation-job.js';

/** What somebody is woken for although every request is answered well: each costs one cheap read. */
export function walletConditions(
  database: Queryable,
  maintenanceRuns: () => Promise<readonly MaintenanceRun[]>,
): Condition[] {
  return [
    {
      name: 'ledger',
      title: 'The money does not add up, or could not be added up',
      severity: 'critical',
      look: async () => booksState(await maintenanceRuns()),
    },
    {
      name: 'upkeep',
      title: 'The upkeep fails',
      severity: 'high',
      look: async () => upkeepState(await maintenanceRuns()),
    },
    {
      name: 'wal-archive',
      title: 'The log is not archived, so a backup reaches no further than itself',
      severity: 'high',
      look: () => archiveState(database),
    },
  ];
}

const inOrder: ConditionState = { inOrder: true };

/** By the last reconciliation that anybody made; unknown before the first. */
function booksState(runs: readonly MaintenanceRun[]): ConditionState | undefined {
  const last = lastReconciliation(runs);
  if (last === null) return undefined;
  return last.sound ? inOrder : { inOrder: false, why: `${last.detail} (${last.at.toISOString()})` };
}

/** By the last run that has ended. A reconciliation that fails has an alert of its own. */
function upkeepState(runs: readonly MaintenanceRun[]): ConditionState | undefined {
  const last = runs.find(({ status }) => status === 'completed' || status === 'failed');
  if (last === undefined) return undefined;
  const failed = last.steps.filter(({ task, status }) => status === 'failed' && task !== reconciliationTask);
  if (failed.length === 0) return inOrder;
  const named = failed.map(
    ({ task, table, detail }) => `${table === undefined ? task : `${task} of ${table}`}: ${detail}`,
  );
  return { inOrder: false, why: `${named.slice(0, 3).join('; ')} (${last.startedAt})` };
}

/** PostgreSQL tries again by itself, so the archiving works again when it was successful after the last failure. */
const archiver = statement(
  'archiver_state',
  `select current_setting('archive_mode') <> 'off'
          and last_failed_time > coalesce(last_archived_time, '-infinity') as failing,
          last_failed_wal as segment, last_failed_time as at, last_archived_time as "lastSuccess"
     from pg_stat_archiver`,
  { readOnly: true },
);

async function archiveState(database: Queryable): Promise<ConditionState> {
  const { rows } = await database.query<{
    failing: boolean | null;
    segment: string;
    at: Date;
    lastSuccess: Date | null;
  }>(archiver);
  const found = rows[0];
  if (found?.failing !== true) return inOrder;
  const before =
    found.lastSuccess === null ? 'nothing was yet' : `the last success was ${found.lastSuccess.toISOString()}`;
  return {
    inOrder: false,
    why: `segment ${found.segment} could not be archived at ${found.at.toISOString()}; ${before}`,
  };
}
