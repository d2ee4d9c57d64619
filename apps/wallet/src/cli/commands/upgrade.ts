import { beginUpgrade, type Upgrade } from '@dunlin/embedded';
import { Database } from '@dunlin/postgres';
import { loadConfig } from '../../config/config.js';
import type { EnvironmentVariables } from '../../config/environment.js';
import { reconcile } from '../../ledger/reconciliation.js';
import { migrate } from '../../migrate.js';
import { StartError } from '../../process/start-error.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import { carryOver, type CarriedOver } from '../upgrade/carry-over.js';
import { UsageError } from '../usage-error.js';
import { defaultDataFolder } from '../work-place.js';

/** Carries the embedded database over to this version's PostgreSQL. The old cluster stays until its owner removes it. */
export async function upgrade(
  variables: EnvironmentVariables,
  signal: AbortSignal,
  options: { oldInstallation: string },
  say: Terminal,
): Promise<ExitCode> {
  const { database } = loadConfig(variables, defaultDataFolder());
  if (database.kind !== 'embedded') {
    throw new UsageError(
      '`dunlin upgrade` is for the embedded database; a server of your own is upgraded by pg_upgrade.',
    );
  }
  const start = await beginUpgrade({ dataFolder: database.dataFolder, oldInstallation: options.oldInstallation });
  switch (start.kind) {
    case 'not_needed':
      say.result(start, () => `This database is of PostgreSQL ${start.majorVersion} already. Nothing was changed.`);
      return exitCodes.fine;
    case 'finished':
      say.result(start, () => `The upgrade that was cut off is finished; the old cluster is kept at ${start.keptAt}.`);
      return exitCodes.fine;
    case 'begun': {
      const carried = await carryAndCheck(start.upgrade, signal, say);
      const keptAt = await start.upgrade.commit();
      const document = {
        kind: 'upgraded',
        ...carried,
        from: start.upgrade.from.majorVersion,
        to: start.upgrade.to.majorVersion,
        keptAt,
      };
      say.result(document, () =>
        [
          `Upgraded from PostgreSQL ${document.from} to ${document.to}: ${carried.rows} rows in ${carried.tables} tables, and everything adds up.`,
          `The old cluster is kept at ${keptAt}: remove it when you are content. Backups and archives of it cannot be used by this version: take a backup now.`,
        ].join('\n'),
      );
      return exitCodes.fine;
    }
  }
}

async function carryAndCheck(upgrade: Upgrade, signal: AbortSignal, say: Terminal): Promise<CarriedOver> {
  try {
    const progress = say.progress('tables', 1);
    const carried = await carryOver(upgrade.from, upgrade.to, signal, (done, total) =>
      progress.at(done / total),
    ).finally(() => progress.done());
    await migrate(upgrade.to.url);
    say.note('Recomputing every balance …');
    const database = new Database({ connectionString: upgrade.to.url, poolSize: 4, statementTimeoutMs: 0 });
    const outcome = await reconcile(database, { signal }).finally(() => database.close());
    if (outcome.discrepancies.length > 0) {
      throw new StartError(
        `${outcome.discrepancies.length} balances do not add up in the new database, so nothing was changed. \`dunlin reconcile\` with the older version tells whether they did in the old one.`,
      );
    }
    return carried;
  } catch (error) {
    await upgrade.abandon();
    throw error;
  }
}
