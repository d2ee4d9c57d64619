import type { Runner } from './maintenance-table.js';
import { sqlFile } from '../sql-file.js';

/** How a table is doing. Counts are the server's estimates. */
export interface TableHealth {
  readonly schema: string;
  readonly table: string;
  readonly sizeBytes: number;
  readonly liveRows: number;
  readonly deadRows: number;
  /** Rows changed since the last ANALYZE. */
  readonly changedRows: number;
  readonly autovacuumEnabled: boolean;
  /** Autovacuum acts from so many dead (changed) rows on. */
  readonly vacuumAt: number;
  readonly analyzeAt: number;
  /** Transactions since its oldest unfrozen row; PostgreSQL stops taking writes near two billion. */
  readonly ageTransactions: number;
  /** Age, in percent of the point at which a freezing vacuum is forced. */
  readonly wraparoundPercent: number;
  /** Space that dead rows hold, as a share of the whole; what VACUUM makes reusable. */
  readonly bloatEstimateBytes: number;
  readonly lastVacuum: Date | null;
  readonly lastAnalyze: Date | null;
  /** False when this role owns the table not, and so can neither vacuum nor analyze it. */
  readonly mayMaintain: boolean;
}

interface HealthRow {
  schema: string;
  table: string;
  size_bytes: number;
  live_rows: number;
  dead_rows: number;
  changed_rows: number;
  autovacuum_enabled: boolean;
  vacuum_at: number;
  analyze_at: number;
  age_transactions: number;
  freeze_max_age: number;
  last_vacuum: Date | null;
  last_analyze: Date | null;
  may_maintain: boolean;
}

/** The health of every table of the application. Cost: one query over the catalog. */
export async function readTableHealth(runner: Runner): Promise<TableHealth[]> {
  const { rows } = await runner.query<HealthRow>(sqlFile('maintenance-facts'));
  return rows.map((row) => ({
    schema: row.schema,
    table: row.table,
    sizeBytes: row.size_bytes,
    liveRows: row.live_rows,
    deadRows: row.dead_rows,
    changedRows: row.changed_rows,
    autovacuumEnabled: row.autovacuum_enabled,
    vacuumAt: row.vacuum_at,
    analyzeAt: row.analyze_at,
    ageTransactions: row.age_transactions,
    wraparoundPercent: (row.age_transactions / row.freeze_max_age) * 100,
    bloatEstimateBytes: row.size_bytes * (row.dead_rows / Math.max(1, row.dead_rows + row.live_rows)),
    lastVacuum: row.last_vacuum,
    lastAnalyze: row.last_analyze,
    mayMaintain: row.may_maintain,
  }));
}

/** Due earlier than autovacuum's own point, so that a quiet hour spares a busy one: at half of it. */
const EARLY = 0.5;
const FREEZE_FROM_PERCENT = 75;

export function isVacuumDue(table: TableHealth): boolean {
  return (
    (table.deadRows > 0 && table.deadRows >= table.vacuumAt * EARLY) || table.wraparoundPercent >= FREEZE_FROM_PERCENT
  );
}

export function isAnalyzeDue(table: TableHealth): boolean {
  if (table.changedRows > 0 && table.changedRows >= table.analyzeAt * EARLY) return true;
  return table.lastAnalyze === null && table.liveRows > 0;
}

/** What an operator should know, in sentences. Pure. */
export function healthWarnings(table: TableHealth): string[] {
  const name = `${table.schema}.${table.table}`;
  const warnings: string[] = [];
  if (!table.autovacuumEnabled) warnings.push(`Autovacuum is off for ${name}.`);
  if (table.deadRows > 1_000 && table.deadRows > 2 * table.vacuumAt) {
    const megabytes = (table.bloatEstimateBytes / 1_048_576).toFixed(1);
    warnings.push(
      `${name} has ${Math.round(table.deadRows)} dead rows, twice the point at which autovacuum should have acted (about ${megabytes} MB): a long transaction or a stuck replication slot may hold it back.`,
    );
  }
  if (table.wraparoundPercent >= 90) {
    warnings.push(`${name} is at ${Math.round(table.wraparoundPercent)} % of the age that forces a freezing vacuum.`);
  }
  return warnings;
}
