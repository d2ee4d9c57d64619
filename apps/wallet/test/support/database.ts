import { Database } from '@dunlin/postgres';
import { createTestDatabase, type TestDatabase } from '@dunlin/testkit';
import { migrate } from '../../src/migrate.js';

/** A database of the test's own with the wallet's schema, cloned from a template that is migrated once a run. */
export function createWalletDatabase(): Promise<TestDatabase> {
  return createTestDatabase({ template: { name: 'wallet', prepare: async (url) => void (await migrate(url)) } });
}

/** Close it before the test database. */
export function openDatabase(url: string): Database {
  return new Database({ connectionString: url, poolSize: 8 });
}
