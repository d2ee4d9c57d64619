import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEmbeddedServer, type EmbeddedServer } from '@dunlin/embedded';
import pg from 'pg';
import { migrate } from '@dunlin/wallet/migrate';
import { loadStatements, type Scale } from './load-sql.js';

/** In the name of every database, so that a change of the loader does not meet what an older one made. */
const loaderVersion = 3;
/** The migrations up to here make the tables; the indexes of 006 are built when the rows are there. */
const tablesOnly = 5;

/** A database that holds a scale's rows, kept between runs. */
export interface SeededDatabase {
  /** Of the server's superuser: some questions turn a planner setting or drop an index. */
  readonly url: string;
  readonly scale: Scale;
  /** How long filling it took when it was made, indexes and VACUUM included. */
  readonly seedSeconds: number;
}

/** The bench's server: the one that `npm start` runs, with its settings, on a data folder of its own below `.cache`. */
export function openBenchServer(): Promise<EmbeddedServer> {
  const root = dirname(dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url))))));
  return openEmbeddedServer({ dataFolder: join(root, '.cache', 'bench-postgres') });
}

/**
 * The database of a scale, made if it is not there (3 M transactions: a few minutes and 5 GB). One that was cut short has no comment
 * and is made anew.
 */
export async function seededDatabase(
  server: EmbeddedServer,
  scale: Scale,
  say: (line: string) => void,
): Promise<SeededDatabase> {
  const name = `bench_v${loaderVersion}_${scale.users}_${scale.transactions}_${scale.tokens}`;
  const url = withDatabase(server.superuserUrl, name);
  return withClient(withDatabase(server.superuserUrl, 'postgres'), async (admin) => {
    const found = await admin.query<{ comment: string | null }>(
      "select shobj_description(oid, 'pg_database') as comment from pg_database where datname = $1",
      [name],
    );
    const kept = Number(found.rows[0]?.comment ?? NaN);
    if (Number.isFinite(kept)) {
      // Migrations that came since; most of them change functions.
      await migrate(url);
      say(`  ${name} is there; filling it took ${kept} s`);
      return { url, scale, seedSeconds: kept };
    }
    await admin.query(`drop database if exists ${name} with (force)`);
    await admin.query(`create database ${name}`);
    const startedMs = performance.now();
    await fill(url, scale, say);
    const seedSeconds = Math.round((performance.now() - startedMs) / 1000);
    await admin.query(`comment on database ${name} is '${seedSeconds}'`);
    say(`  ${name} was filled in ${seedSeconds} s`);
    return { url, scale, seedSeconds };
  });
}

async function fill(url: string, scale: Scale, say: (line: string) => void): Promise<void> {
  await migrate(url, { to: tablesOnly });
  await withClient(url, async (client) => {
    for (const [doing, text] of loadStatements(scale)) {
      const startedMs = performance.now();
      await client.query(text);
      say(`  ${doing}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
    }
  });
  await migrate(url);
  say('  indexes are built');
  // Hint bits, the visibility map and statistics, as they are on a database that autovacuum has had its time with.
  await withClient(url, (client) => client.query('vacuum (analyze, freeze)'));
}

/** Lends a connection without the server's statement timeout. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'dunlin-bench' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
