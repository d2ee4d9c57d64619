import { reconcile, type Reconciliation } from '../../ledger/reconciliation.js';
import { count } from '../../demo/table.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import { withDatabase, type WorkPlace } from '../work-place.js';

export async function reconcileLedger(place: WorkPlace, _options: object, say: Terminal): Promise<ExitCode> {
  const outcome = await withDatabase(place, async (database) => {
    const { rows } = await database.query<{ count: number }>('select count(*)::int as count from accounts');
    const progress = say.progress('reconcile', rows[0]?.count ?? 0);
    try {
      return await reconcile(database, { signal: place.signal, onPage: (accounts) => progress.at(accounts) });
    } finally {
      progress.done();
    }
  });
  say.result(outcome, () => words(outcome));
  return outcome.discrepancies.length === 0 ? exitCodes.fine : exitCodes.foundWrong;
}

function words(outcome: Reconciliation): string {
  const totals = `${count(outcome.accounts)} accounts; the sum of all balances is ${outcome.sum}; the issuer holds ${outcome.issuerFloat} for tokens worth ${outcome.tokensOut}.`;
  if (outcome.discrepancies.length === 0) return `Everything adds up: ${totals}`;
  const lines = outcome.discrepancies.map(
    ({ check, accountId, expected, found }) =>
      `  ${check}${accountId === undefined ? '' : ` of ${accountId}`}: expected ${expected}, found ${found}`,
  );
  const more = outcome.truncated ? ['  … and more'] : [];
  return [`${lines.length} differences. ${totals}`, ...lines, ...more].join('\n');
}
