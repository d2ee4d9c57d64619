import { inject } from 'vitest';

/** What the global setup made for this run of the tests, as every worker sees it. */
export interface TestRun {
  /** Part of every name that the run makes in the server, so that runs on one external server do not meet. */
  readonly runId: string;
  /** A superuser's (or at least a database creator's) URL of the run's PostgreSQL, ending in a database to connect to. */
  readonly postgresUrl: string;
  readonly redis: { readonly url: string; readonly databases: number } | null;
}

declare module 'vitest' {
  interface ProvidedContext {
    dunlinTestRun: TestRun;
  }
}

/** The run that this worker belongs to. Throws when the global setup was left out of the configuration. */
export function testRun(): TestRun {
  const run = inject('dunlinTestRun') as TestRun | undefined;
  if (run === undefined) {
    throw new Error("The tests need testkit's global setup: add packages/testkit/src/global-setup.ts to globalSetup.");
  }
  return run;
}
