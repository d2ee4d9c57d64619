import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { RunnerOption } from 'node-pg-migrate';
import pg from 'pg';
import { StartError } from './process/start-error.js';

/** What `migrate` says while it works; pino satisfies it. */
export interface MigrationLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface MigrateOptions {
  /** `up` by default. */
  direction?: 'up' | 'down';
  /** How many migrations at most. Up: all that are missing; down: one. */
  count?: number;
  /** The number of the migration that shall be the last applied one afterwards (`6` for `006_…`, `0` for none of them). Wins over `count`. */
  to?: number;
  logger?: MigrationLogger;
  /** How long to wait for another instance that is migrating, in ms. 120000 by default. */
  waitMs?: number;
  /** Where the migrations lie; the wallet's own by default. */
  directory?: string;
}

/** Another instance held the migration lock for longer than `waitMs`. */
export class MigrationLockTimeout extends Error {
  override readonly name = 'MigrationLockTimeout';
  readonly code = 'migration_lock_timeout';

  constructor(readonly waitMs: number) {
    super(`Another instance has been migrating this database for more than ${waitMs} ms; nothing was changed here.`);
  }
}

/** A newer version has taken away what this one needs. The message is meant for whoever starts it. */
export class SchemaTooNew extends StartError {
  override readonly name = 'SchemaTooNew';

  constructor(readonly migrations: readonly string[]) {
    super(
      `This database is too new for this version of the wallet: ${migrations.join(', ')} removed what it still uses. ` +
        'Start the newer version, or restore a backup from before it.',
    );
  }
}

/**
 * A migration takes something away only if its name says so (`019_contract_…`), one release after the last version that used it. Versions
 * that do not know it must not run any more; every other unknown migration only added something, and old code may go on.
 */
export const isContraction = (name: string): boolean => /^\d{3}_contract_/.test(name);

/** node-pg-migrate does not export the type by name. */
type LoaderStrategy = NonNullable<RunnerOption['migrationLoaderStrategies']>[number];
type MigrationLoader = Exclude<LoaderStrategy['loader'], string>;

const migrationsTable = 'pgmigrations';
/** The number of the advisory lock: any constant will do as long as it never changes. */
const lockNumber = 4_071_170_221;
const pollMs = 100;
const undefinedTable = '42P01';

/**
 * Brings the schema of the database at `databaseUrl` to where `options` say, and returns the names of the migrations that it applied
 * or took back, in that order. When nothing is missing it costs one connection and one query.
 *
 * Any number of instances may call this at once: one works, the others wait, at most `waitMs` (`MigrationLockTimeout`).
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<string[]> {
  const directory = options.directory ?? ownDirectory();
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'dunlin-migrate' });
  // A connection that breaks between two queries emits 'error'; the next query rejects, and that is where it is reported.
  client.on('error', () => {});
  await client.connect();
  try {
    if ((options.direction ?? 'up') === 'up' && (await isUpToDate(client, directory, options))) return [];
    await client.query('set statement_timeout = 0');
    await takeLock(client, options.waitMs ?? 120_000);
    const { runner } = await import('node-pg-migrate');
    const applied = await runner(runnerOptions(client, directory, options));
    return applied.map((migration) => migration.name);
  } finally {
    // Ending the session releases the lock and, after a failure, rolls an open transaction back.
    await client.end();
  }
}

/** Every migration that this version or the database knows, in order, and whether it is applied. Changes nothing. */
export async function appliedMigrations(databaseUrl: string): Promise<{ name: string; applied: boolean }[]> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'dunlin-migrate' });
  client.on('error', () => {});
  await client.connect();
  try {
    const applied = new Set(await appliedNames(client));
    const known = await migrationNames(ownDirectory());
    return [...new Set([...known, ...applied])].sort().map((name) => ({ name, applied: applied.has(name) }));
  } finally {
    await client.end();
  }
}

const ownDirectory = (): string => fileURLToPath(new URL('../migrations', import.meta.url));

/** The names in the folder, without suffix, in the order in which they run. Compiled output also holds declarations and maps. */
async function migrationNames(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((file) => /^\d{3}_\w+\.(ts|js)$/.test(file));
  return names.map((file) => file.slice(0, -3)).sort();
}

async function isUpToDate(client: pg.Client, directory: string, options: MigrateOptions): Promise<boolean> {
  const known = await migrationNames(directory);
  const wanted = options.to === undefined ? known : known.filter((name) => numberOf(name) <= (options.to ?? 0));
  const applied = new Set(await appliedNames(client));
  const unknown = [...applied].filter((name) => !known.includes(name));
  const contracted = unknown.filter((name) => isContraction(name));
  if (contracted.length > 0) throw new SchemaTooNew(contracted);
  if (unknown.length > 0) {
    // A newer version of the wallet was here first, as happens while a new release is rolled out: old code may go on.
    options.logger?.warn({ migrations: unknown }, 'the database holds migrations that this version does not know');
  }
  return wanted.every((name) => applied.has(name));
}

async function appliedNames(client: pg.Client): Promise<string[]> {
  try {
    const { rows } = await client.query<{ name: string }>(`select name from ${migrationsTable} order by id`);
    return rows.map((row) => row.name);
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === undefinedTable) return [];
    throw error;
  }
}

/**
 * Takes the session's advisory lock by asking again and again. Waiting inside `pg_advisory_lock` would be simpler and wrong: the waiting
 * statement keeps a snapshot, CREATE INDEX CONCURRENTLY of the instance that holds the lock waits for all older
 * snapshots to end, and the two wait for each other. Between two questions this session has no snapshot.
 */
async function takeLock(client: pg.Client, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [lockNumber]);
    if (rows[0]?.taken === true) return;
    if (performance.now() >= deadline) throw new MigrationLockTimeout(waitMs);
    await sleep(pollMs);
  }
}

function runnerOptions(client: pg.Client, directory: string, options: MigrateOptions): RunnerOption {
  const direction = options.direction ?? 'up';
  const { logger } = options;
  return {
    dbClient: client,
    dir: directory,
    // The complement of what `migrationNames` takes: declarations, source maps, hidden files.
    ignorePattern: '(?!\\d{3}_\\w+\\.(ts|js)$).*',
    migrationsTable,
    direction,
    // A database that is ahead of this code was reported above; the order is checked up to the shorter of the two lists.
    checkOrder: true,
    // One transaction a migration, not one for all: index builds run outside of any.
    singleTransaction: false,
    noLock: true,
    migrationLoaderStrategies: [{ extensions: ['.ts', '.js'], loader: importMigrations }],
    logger: {
      info: (message) => logger?.info({}, message),
      warn: (message) => logger?.warn({}, message),
      error: (message) => logger?.error({}, message),
    },
    ...range(direction, options),
  };
}

/** node-pg-migrate reads `count` as a number of migrations or, with `timestamp`, as a bound on the number in their names. */
function range(direction: 'up' | 'down', options: MigrateOptions): { count?: number; timestamp?: boolean } {
  if (options.to !== undefined) return { count: direction === 'up' ? options.to : options.to + 1, timestamp: true };
  return options.count === undefined ? {} : { count: options.count };
}

/** Loads with the runtime's own import: compiled files from `dist`, sources under vitest. No second compiler at run time. */
const importMigrations: MigrationLoader = async (filePaths) => {
  const units = [];
  for (const filePath of filePaths) {
    const actions = (await import(pathToFileURL(filePath).href)) as Awaited<
      ReturnType<MigrationLoader>
    >[number]['actions'];
    units.push({
      id: filePath,
      filePaths: [filePath],
      actions: { up: actions.up ?? false, down: actions.down ?? false },
    });
  }
  return units;
};

function numberOf(name: string): number {
  return Number.parseInt(name, 10);
}
