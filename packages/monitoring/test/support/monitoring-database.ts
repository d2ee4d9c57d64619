import { createTestDatabase, type TestDatabase } from '@dunlin/testkit';
import pg from 'pg';
import { monitoringSchemaUp, type Queryable } from '../../src/index.js';

/** A database with the monitoring tables, cloned for one test. */
export function monitoringDatabase(): Promise<TestDatabase> {
  return createTestDatabase({
    template: {
      name: 'monitoring',
      async prepare(url) {
        const client = new pg.Client(url);
        await client.connect();
        await client.query(monitoringSchemaUp);
        await client.end();
      },
    },
  });
}

/** A pool as the store takes it. */
export function queryableOf(pool: pg.Pool): Queryable {
  return {
    async query<Row>(text: string, values: readonly unknown[] = []) {
      const answer = await pool.query(text, [...values]);
      return { rows: answer.rows as Row[], rowCount: answer.rowCount ?? 0 };
    },
  };
}

/** A pool that survives its server's end without ending the test: what is lost shows in the next query. */
export function poolFor(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on('error', () => undefined);
  return pool;
}
