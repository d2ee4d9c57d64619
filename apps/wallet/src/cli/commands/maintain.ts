import { Maintainer, type MaintenanceRun } from '@dunlin/postgres';
import { Ledger } from '../../ledger/ledger.js';
import { openSystemAccounts } from '../../ledger/system-accounts.js';
import { table } from '../../demo/table.js';
import { upkeepJobs } from '../../upkeep.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import { withDatabase, type WorkPlace } from '../work-place.js';

export async function maintain(place: WorkPlace, _options: object, say: Terminal): Promise<ExitCode> {
  const { config } = place;
  const outcome = await withDatabase(place, async (database) => {
    await openSystemAccounts(database, config.currency);
    const ledger = new Ledger({
      database,
      currency: config.currency,
      // No instance has this name, so every running wallet takes the news of what was refunded from the commit log, as it does the
      // triggers'. Nobody is answered here who could read an older balance afterwards.
      writer: '',
      afterCommit: () => Promise.resolve(),
      afterUnknownOutcome: () => undefined,
    });
    const maintainer = new Maintainer(database, upkeepJobs(config, database, ledger));
    return maintainer.performMaintenance({ signal: place.signal });
  });
  place.signal.throwIfAborted();
  if (outcome.kind === 'busy') {
    say.result({ busy: true }, () => 'Another instance is at it; nothing was done here.');
    return exitCodes.notNow;
  }
  say.result(outcome.run, () => words(outcome.run));
  const isFine = outcome.run.status === 'completed' && outcome.run.steps.every((step) => step.status !== 'failed');
  return isFine ? exitCodes.fine : exitCodes.foundWrong;
}

function words(run: MaintenanceRun): string {
  const rows = run.steps.map((step) => [step.task, step.table ?? '', step.status, `${Math.round(step.durationMs)} ms`]);
  const details = run.steps
    .filter((step) => step.status !== 'skipped')
    .map((step) => `${step.task}${step.table === undefined ? '' : ` ${step.table}`}: ${step.detail}`);
  return [table(['task', 'table', 'status', 'took'], rows), '', ...details].join('\n');
}
