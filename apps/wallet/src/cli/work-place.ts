import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Database } from '@dunlin/postgres';
import { loadConfig, type Config } from '../config/config.js';
import type { EnvironmentVariables } from '../config/environment.js';
import { openDatabase } from '../process/open-database.js';
import { appliedMigrations } from '../migrate.js';
import { openFence } from '../process/seen-timeline.js';
import { StartError } from '../process/start-error.js';

/** What a command works with. */
export interface WorkPlace {
  readonly config: Config;
  /** With the login. */
  readonly databaseUrl: string;
  /** Of the embedded server alone. */
  readonly superuserUrl?: string;
  /** Aborts on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** Beside the answer, which goes to standard output. */
const warnings = {
  warn: (fields: { err?: unknown }, message: string): void =>
    console.error(fields.err instanceof Error ? `${message}: ${fields.err.message}` : message),
};

/** Long statements are what these commands are for; a signal ends them. */
const statementTimeoutMs = 0;

/** Reads the configuration, brings the database up if it is the embedded one, does `work`, and gives the database back. */
export async function inWorkPlace<Value>(
  variables: EnvironmentVariables,
  signal: AbortSignal,
  work: (place: WorkPlace) => Promise<Value>,
): Promise<Value> {
  const config = loadConfig(variables, defaultDataFolder());
  const lost = new AbortController();
  const opened = await openDatabase(config, (error) =>
    lost.abort(new StartError(`The database is lost: ${error.message}`)),
  );
  try {
    const either = AbortSignal.any([signal, lost.signal]);
    either.throwIfAborted();
    // What a wallet on this data folder has seen of its primary holds here too: nothing is written to a former one.
    if (config.database.kind === 'server') await openFence(opened.url, config.dataFolder, warnings);
    return await work({
      config,
      databaseUrl: opened.url,
      ...(opened.superuserUrl === undefined ? {} : { superuserUrl: opened.superuserUrl }),
      signal: either,
    });
  } finally {
    await opened.close();
  }
}

/** A pool of its own for the length of `work`, on a database whose schema is there. */
export async function withDatabase<Value>(
  { databaseUrl }: WorkPlace,
  work: (database: Database) => Promise<Value>,
): Promise<Value> {
  if ((await appliedMigrations(databaseUrl)).every((migration) => !migration.applied)) {
    throw new StartError('This database holds no wallet yet. Run `dunlin migrate` (or start the wallet) first.');
  }
  const database = new Database({
    connectionString: databaseUrl,
    poolSize: 4,
    statementTimeoutMs,
    applicationName: 'dunlin-cli',
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** In a clone, the clone's own folder, as `npm start` uses it; else `data` where the command is run. `DATA_DIR` wins over both. */
export function defaultDataFolder(): string {
  const clone = fileURLToPath(new URL('../../../../../', import.meta.url));
  return existsSync(join(clone, 'scripts', 'start.mjs')) ? join(clone, 'data') : resolve('data');
}
