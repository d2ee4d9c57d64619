import pg from 'pg';

/** What every database of this run is called at the start. */
export function databasePrefix(runId: string): string {
  return `dunlin_test_${runId}_`;
}

/** Drops whatever the run has left in the server; for a server that outlives the run. */
export async function dropRunDatabases(postgresUrl: string, runId: string): Promise<void> {
  await withAdmin(postgresUrl, async (admin) => {
    const left = await admin.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [databasePrefix(runId)],
    );
    for (const { datname } of left.rows) await admin.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
  });
}

/** Lends a connection of its own to `work`. */
export async function withAdmin<T>(url: string, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30_000 });
  // A session that the server ends between two questions rejects the next one; unheard, it would end the worker.
  admin.on('error', () => undefined);
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

/** The same server and login, another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
