import { createTestDatabase, type TestDatabase } from '@dunlin/testkit';
import pg from 'pg';
import type { Queryable, TransactionalDatabase } from '../../src/keys/queryable.js';
import { migrate } from '../../src/migrate.js';

/** A database of the test's own with the wallet's schema, cloned from a template that is migrated once a run. */
export function createWalletDatabase(): Promise<TestDatabase> {
  return createTestDatabase({ template: { name: 'wallet', prepare: async (url) => void (await migrate(url)) } });
}

export interface OpenDatabase extends TransactionalDatabase {
  close(): Promise<void>;
}

/** The plainest database that satisfies the seams: a pool of the driver's, and transactions that do not retry. */
export function openDatabase(url: string): OpenDatabase {
  const pool = new pg.Pool({ connectionString: url, max: 8 });
  // A test that kills the server sees the failure at its queries; the pool's idle connections only report it here.
  pool.on('error', () => {});
  return {
    query: (text, values) => run(pool, text, values),
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const value = await work({ query: (text, values) => run(client, text, values) });
        await client.query('commit');
        client.release();
        return value;
      } catch (error) {
        client.release(true);
        throw error;
      }
    },
    close: () => pool.end(),
  };
}

async function run<Row>(
  target: pg.Pool | pg.PoolClient,
  text: string,
  values: readonly unknown[] = [],
): Promise<Awaited<ReturnType<Queryable['query']>> & { rows: Row[] }> {
  const { rows, rowCount } = await target.query(text, [...values]);
  return { rows: rows as Row[], rowCount: rowCount ?? 0 };
}
