import { Database } from '@dunlin/postgres';
import { createTestDatabase, type TestDatabase } from '@dunlin/testkit';
import pg from 'pg';
import { migrate } from '../../src/migrate.js';

/** A database of the test's own with the wallet's schema, cloned from a template that is migrated once a run. */
export function createWalletDatabase(): Promise<TestDatabase> {
  return createTestDatabase({ template: { name: 'wallet', prepare } });
}

async function prepare(url: string): Promise<void> {
  await migrate(url);
  // `test/guards/run.mjs` takes a guard out of the schema and requires that the tests notice.
  const withoutGuard = process.env['DUNLIN_WITHOUT_GUARD'];
  if (withoutGuard === undefined) return;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(withoutGuard).finally(() => client.end());
}

/** Close it before the test database. */
export function openDatabase(url: string): Database {
  // Tests let many callers wait for few connections; a slow machine is no reason to turn one away.
  return new Database({ connectionString: url, poolSize: 8, acquireTimeoutMs: 60_000 });
}
