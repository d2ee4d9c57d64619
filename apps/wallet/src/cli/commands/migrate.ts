import { appliedMigrations, migrate } from '../../migrate.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import type { WorkPlace } from '../work-place.js';

export async function migrateUp(place: WorkPlace, options: { to?: number }, say: Terminal): Promise<ExitCode> {
  const applied = await migrate(place.databaseUrl, options.to === undefined ? {} : { to: options.to });
  say.result({ applied }, () =>
    applied.length === 0 ? 'Nothing was missing.' : applied.map((name) => `applied ${name}`).join('\n'),
  );
  return exitCodes.fine;
}

export async function migrateDown(
  place: WorkPlace,
  options: { to?: number; count?: number },
  say: Terminal,
): Promise<ExitCode> {
  const takenBack = await migrate(place.databaseUrl, {
    direction: 'down',
    ...(options.to === undefined ? { count: options.count ?? 1 } : { to: options.to }),
  });
  say.result({ takenBack }, () =>
    takenBack.length === 0
      ? 'Nothing was there to take back.'
      : takenBack.map((name) => `took back ${name}`).join('\n'),
  );
  return exitCodes.fine;
}

export async function migrateStatus(place: WorkPlace, _options: object, say: Terminal): Promise<ExitCode> {
  const migrations = await appliedMigrations(place.databaseUrl);
  say.result({ migrations }, () =>
    migrations.map(({ name, applied }) => `${applied ? 'applied' : 'missing'}  ${name}`).join('\n'),
  );
  return exitCodes.fine;
}
