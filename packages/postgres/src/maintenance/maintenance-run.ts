/** One step of a run: a table that was vacuumed or analyzed, a job, or a finding of the health check. */
export interface MaintenanceStep {
  /** `health`, `analyze`, `vacuum`, or the name of a registered job. */
  readonly task: string;
  /** The table, where the step is about one. */
  readonly table?: string | undefined;
  readonly status: 'done' | 'failed' | 'skipped' | 'warning';
  readonly durationMs: number;
  /** What was done or found, in a sentence. */
  readonly detail: string;
  /** Counts that a job reports, such as tokens expired. */
  readonly counts?: Readonly<Record<string, number>> | undefined;
}

/** What a run did, as it is kept. */
export interface MaintenanceRun {
  readonly id: string;
  /** ISO 8601 in UTC. */
  readonly startedAt: string;
  readonly finishedAt: string | null;
  /** Which process did it. */
  readonly instance: string;
  readonly status: 'running' | 'completed' | 'failed' | 'interrupted';
  readonly steps: readonly MaintenanceStep[];
}

/** Some other instance is at it (or this one), so nothing was done. */
export type MaintenanceOutcome = { readonly kind: 'ran'; readonly run: MaintenanceRun } | { readonly kind: 'busy' };

/** Work that belongs to the application and runs with the maintenance, such as expiring tokens. */
export interface MaintenanceJob {
  readonly name: string;
  /**
   * Does its work in portions and looks at the signal between them. Returns a sentence and counts for the record. It is
   * run again after an interruption, so what it did already must do no harm.
   */
  run(context: { readonly signal: AbortSignal }): Promise<{ detail: string; counts?: Record<string, number> }>;
}
