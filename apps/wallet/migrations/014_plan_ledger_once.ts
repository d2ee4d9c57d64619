import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * A database whose `ledger_execute` was installed before gets the setting that a new one has from the start: its statements are planned
 * once a session rather than in every call. The planner would not settle for that by itself, since it takes every array of parameters
 * to be long when it does not know it.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(forEachLedgerExecute('set plan_cache_mode = force_generic_plan'));
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(forEachLedgerExecute('reset plan_cache_mode'));
};

/** By name, whatever its parameters are by now. */
function forEachLedgerExecute(change: string): string {
  return `
    do $$ declare signature text; begin
      for signature in select oid::regprocedure::text from pg_proc where proname = 'ledger_execute' and pronamespace = current_schema()::regnamespace loop
        execute format('alter function %s ${change}', signature);
      end loop;
    end $$`;
}
