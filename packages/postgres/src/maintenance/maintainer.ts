import { hostname } from 'node:os';
import { Database, type Session } from '../database.js';
import { quoteName } from '../indexes/candidate.js';
import { INTERNAL } from '../queries/observer.js';
import type { MaintenanceJob, MaintenanceOutcome, MaintenanceRun, MaintenanceStep } from './maintenance-run.js';
import { beginRun, endRun, noteSteps, recentRuns, type Runner } from './maintenance-table.js';
import { healthWarnings, isAnalyzeDue, isVacuumDue, readTableHealth, type TableHealth } from './table-health.js';

export interface MaintenanceOptions {
  /** Which of `health`, `analyze`, `vacuum` and the registered jobs' names; all of them when left out. */
  tasks?: readonly string[];
  signal?: AbortSignal;
}

export interface ScheduleOptions {
  /** From the end of a run to the next one of this instance; 3,600,000 (an hour), at least 1,000. */
  everyMs?: number;
}

/** The key of the session-level advisory lock: "dunlin" in ASCII. */
const LOCK_KEY = '110455526549870';
const BUILT_IN = ['health', 'analyze', 'vacuum'];
const LONGEST_LOCK_WAIT = '5s';

/**
 * Keeps the database in shape: looks at autovacuum's work, does ANALYZE and VACUUM where they are due, and runs jobs of
 * the application. An advisory lock lets one run at a time take place over all instances; it belongs to the session, so an
 * instance that dies frees it. Each run and each of its steps is kept in `dunlin_maintenance_runs`.
 */
export class Maintainer {
  readonly #database: Database;
  readonly #jobs = new Map<string, MaintenanceJob>();
  readonly #instance = `${hostname()}:${process.pid}`;
  #withdraw: (() => void) | undefined;
  #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(database: Database, jobs: readonly MaintenanceJob[] = []) {
    this.#database = database;
    for (const job of jobs) this.register(job);
  }

  /** Adds a job to every further run; a name can be taken once. */
  register(job: MaintenanceJob): void {
    if (this.#jobs.has(job.name) || BUILT_IN.includes(job.name))
      throw new RangeError(`A maintenance task named ${job.name} exists already`);
    this.#jobs.set(job.name, job);
  }

  /**
   * Runs the tasks one after another; a step that fails is recorded and the next is tried. Answers `busy` when any instance is at
   * it. Throws a RangeError for a task that does not exist, and a `DatabaseError` when the database is away.
   */
  performMaintenance(options: MaintenanceOptions = {}): Promise<MaintenanceOutcome> {
    const known = [...this.#jobs.keys(), ...BUILT_IN];
    for (const task of options.tasks ?? []) {
      if (!known.includes(task))
        throw new RangeError(`There is no maintenance task ${JSON.stringify(task)}; there are: ${known.join(', ')}`);
    }
    const tasks = options.tasks === undefined ? known : known.filter((task) => options.tasks?.includes(task));
    const signal = AbortSignal.any([this.#stopping.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    const run = this.#database.session((session) => this.#runAlone(session, tasks, signal));
    this.#running = run.catch(() => undefined);
    return run;
  }

  /** The last runs of all instances, newest first. */
  recentRuns(limit = 20): Promise<MaintenanceRun[]> {
    return recentRuns(this.#database, limit);
  }

  /** Runs now and then until `stop`; a run that fails is logged and the next takes place all the same. */
  start(options: ScheduleOptions = {}): void {
    const everyMs = options.everyMs ?? 3_600_000;
    if (!(everyMs >= 1_000)) throw new RangeError(`everyMs was given ${everyMs}; allowed: 1000 and more`);
    this.#withdraw?.();
    const { clock, logger } = Database.internals.options(this.#database);
    // Instances that were started together do not all knock at the same moment.
    const delayMs = everyMs * (0.9 + Math.random() * 0.2);
    this.#withdraw = clock.schedule(() => {
      void this.performMaintenance()
        .catch((error: unknown) => {
          logger.error(
            { reason: error instanceof Error ? error.message : String(error) },
            'scheduled maintenance failed',
          );
        })
        .then(() => {
          if (!this.#stopping.signal.aborted) this.start(options);
        });
    }, delayMs);
  }

  /** Ends the schedule and waits for the step under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#withdraw?.();
    await this.#running;
  }

  async #runAlone(session: Session, tasks: readonly string[], signal: AbortSignal): Promise<MaintenanceOutcome> {
    const { rows } = await session<{ held: boolean }>(`${INTERNAL} SELECT pg_try_advisory_lock(${LOCK_KEY}) AS held`);
    if (rows[0]?.held !== true) return { kind: 'busy' };
    // Everything but the jobs goes over the session that holds the lock: should it be lost, so is the run, and another may begin.
    const within: Runner = { query: session };
    const id = await beginRun(within, this.#instance);
    const steps: MaintenanceStep[] = [];
    for (const task of tasks) {
      if (signal.aborted)
        steps.push({ task, status: 'skipped', durationMs: 0, detail: 'Maintenance was asked to stop.' });
      else steps.push(...(await this.#perform(session, task, signal)));
      await noteSteps(within, id, steps);
    }
    const status = steps.some((step) => step.status === 'failed') ? 'failed' : 'completed';
    await endRun(within, id, status, steps);
    const run = (await recentRuns(within, 1))[0] as MaintenanceRun;
    // Whoever hears that it is over may begin the next; the end of the session would give the lock back a moment later.
    await session(`${INTERNAL} SELECT pg_advisory_unlock(${LOCK_KEY})`);
    return { kind: 'ran', run };
  }

  async #perform(session: Session, task: string, signal: AbortSignal): Promise<MaintenanceStep[]> {
    const job = this.#jobs.get(task);
    if (job !== undefined) {
      return [await this.#timed({ task }, async () => job.run({ signal }))];
    }
    const tables = await readTableHealth({ query: session });
    if (task === 'health') return healthSteps(tables);
    const due = tables.filter(task === 'vacuum' ? isVacuumDue : isAnalyzeDue);
    const steps: MaintenanceStep[] = [];
    for (const table of due) {
      if (signal.aborted) break;
      steps.push(await this.#maintain(session, task === 'vacuum' ? 'vacuum' : 'analyze', table));
    }
    return steps.length > 0 ? steps : [{ task, status: 'skipped', durationMs: 0, detail: 'No table is due.' }];
  }

  #maintain(session: Session, task: 'vacuum' | 'analyze', table: TableHealth): Promise<MaintenanceStep> {
    const name = `${table.schema}.${table.table}`;
    if (!table.mayMaintain) {
      return Promise.resolve({
        task,
        table: name,
        status: 'skipped',
        durationMs: 0,
        detail: 'This role does not own the table.',
      });
    }
    return this.#timed({ task, table: name }, async () => {
      // VACUUM waits for a lock behind others and others behind it; it can come back another time.
      await session(`${INTERNAL} SET lock_timeout = '${LONGEST_LOCK_WAIT}'`);
      const freeze = task === 'vacuum' && table.wraparoundPercent >= 75 ? '(FREEZE, ANALYZE) ' : '';
      await session(`${INTERNAL} ${task.toUpperCase()} ${freeze}${quoteName(table.schema)}.${quoteName(table.table)}`);
      const detail =
        task === 'vacuum'
          ? `${Math.round(table.deadRows)} dead rows before.`
          : `${Math.round(table.changedRows)} rows changed since the last time.`;
      return { detail };
    });
  }

  async #timed(
    about: { task: string; table?: string },
    work: () => Promise<{ detail: string; counts?: Record<string, number> }>,
  ): Promise<MaintenanceStep> {
    const { clock } = Database.internals.options(this.#database);
    const startedAtMs = clock.monotonicMs();
    try {
      const { detail, counts } = await work();
      return {
        ...about,
        status: 'done',
        durationMs: clock.monotonicMs() - startedAtMs,
        detail,
        ...(counts === undefined ? {} : { counts }),
      };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      return { ...about, status: 'failed', durationMs: clock.monotonicMs() - startedAtMs, detail };
    }
  }
}

function healthSteps(tables: readonly TableHealth[]): MaintenanceStep[] {
  const warnings = tables.flatMap((table) =>
    healthWarnings(table).map((detail) => ({ table: `${table.schema}.${table.table}`, detail })),
  );
  const oldest = Math.max(0, ...tables.map((table) => table.wraparoundPercent));
  const summary = `${tables.length} tables; the oldest is at ${oldest.toFixed(1)} % of the age that forces a freezing vacuum.`;
  return [
    { task: 'health', status: 'done', durationMs: 0, detail: summary },
    ...warnings.map(({ table, detail }) => ({
      task: 'health',
      table,
      status: 'warning' as const,
      durationMs: 0,
      detail,
    })),
  ];
}
