import type { MaintenanceJob } from '@dunlin/postgres';
import type { Queryable } from '../ledger/queryable.js';
import { reconcile } from '../ledger/reconciliation.js';

/** The name under which the upkeep keeps what a reconciliation found. */
export const reconciliationTask = 'reconciliation';

/**
 * Recomputes every balance with the upkeep. A difference makes the step fail, so that nobody has to look for it: money that
 * does not add up is never a detail of a run that went well.
 */
export function reconciliationJob(database: Queryable): MaintenanceJob {
  return {
    name: reconciliationTask,
    async run({ signal }) {
      const { accounts, discrepancies, truncated } = await reconcile(database, { signal });
      const differences = discrepancies.length;
      if (differences > 0) {
        const [first] = discrepancies;
        const where = first?.accountId === undefined ? 'the whole ledger' : `account ${first.accountId}`;
        throw new Error(
          `${truncated ? 'over ' : ''}${differences} differences among ${accounts} accounts; the first is in the ${first?.check ?? ''} of ${where}`,
        );
      }
      return { detail: `${accounts} accounts add up.`, counts: { accounts, differences } };
    },
  };
}
