import type { Session } from '../database.js';
import { INTERNAL } from '../queries/observer.js';
import type { MaintenanceRun } from './maintenance-run.js';

/** Creates the table of the runs; for a migration. Running it again changes nothing. */
export const maintenanceUp = `
CREATE TABLE IF NOT EXISTS dunlin_maintenance_runs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  instance text NOT NULL,
  status text NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'interrupted')),
  steps jsonb NOT NULL DEFAULT '[]'
);
`;

export const maintenanceDown = 'DROP TABLE IF EXISTS dunlin_maintenance_runs;';

/** A `Database`, or a session of it. */
export interface Runner {
  readonly query: Session;
}

const KEPT_RUNS = 500;
const BEGIN_RUN = `${INTERNAL}
  INSERT INTO dunlin_maintenance_runs (started_at, instance, status) VALUES (now(), $1, 'running')
  RETURNING id`;
// Whoever holds the lock is the only one at work, so a run that still says so died with its instance.
const CLOSE_DEAD_RUNS = `${INTERNAL}
  UPDATE dunlin_maintenance_runs SET status = 'interrupted', finished_at = now() WHERE status = 'running'`;
const NOTE_STEPS = `${INTERNAL} UPDATE dunlin_maintenance_runs SET steps = $2 WHERE id = $1`;
const END_RUN = `${INTERNAL}
  UPDATE dunlin_maintenance_runs SET finished_at = now(), status = $2, steps = $3 WHERE id = $1`;
const PRUNE = `${INTERNAL}
  DELETE FROM dunlin_maintenance_runs WHERE id <= (SELECT max(id) FROM dunlin_maintenance_runs) - ${KEPT_RUNS}`;
// By the column and not by its text, by which 9 comes after 10.
const READ = `${INTERNAL}
  SELECT id::text, to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "startedAt",
         to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "finishedAt",
         instance, status, steps
    FROM dunlin_maintenance_runs runs ORDER BY runs.id DESC LIMIT $1`;

/** Notes that a run has begun; runs of instances that died are closed as interrupted. */
export async function beginRun(runner: Runner, instance: string): Promise<string> {
  await runner.query(CLOSE_DEAD_RUNS);
  const { rows } = await runner.query<{ id: bigint }>(BEGIN_RUN, [instance]);
  return String(rows[0]?.id);
}

export async function noteSteps(runner: Runner, id: string, steps: MaintenanceRun['steps']): Promise<void> {
  await runner.query(NOTE_STEPS, [id, JSON.stringify(steps)]);
}

export async function endRun(
  runner: Runner,
  id: string,
  status: 'completed' | 'failed',
  steps: MaintenanceRun['steps'],
): Promise<void> {
  await runner.query(END_RUN, [id, status, JSON.stringify(steps)]);
  await runner.query(PRUNE);
}

/** The last runs of all instances, newest first; 500 are kept. */
export async function recentRuns(runner: Runner, limit: number): Promise<MaintenanceRun[]> {
  return (await runner.query<MaintenanceRun>(READ, [limit])).rows;
}
