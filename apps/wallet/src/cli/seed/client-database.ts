import type { Statement } from '@dunlin/postgres';
import pg from 'pg';
import type { Queryable, TransactionalDatabase } from '../../keys/queryable.js';

const int8 = 20;

/** int8 is `bigint` here as it is with `Database` of @dunlin/postgres. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === int8 && format !== 'binary'
      ? BigInt
      : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/**
 * One connection as the wallet's parts like to see a database. The seeding needs one of its own: COPY, and everything that belongs to
 * the same transaction, must go over the same connection, and none of it may run into a pool's statement timeout.
 */
export function clientDatabase(client: pg.Client): TransactionalDatabase {
  const queryable: Queryable = {
    async query<Row>(asked: Statement | string, values: readonly unknown[] = []) {
      const named = typeof asked === 'string' ? { text: asked } : { text: asked.text, name: asked.name };
      const { rows, rowCount } = await client.query({ ...named, values: [...values], types });
      return { rows: rows as Row[], rowCount: rowCount ?? 0 };
    },
  };
  return {
    ...queryable,
    async transaction(work) {
      await client.query('begin');
      try {
        const value = await work(queryable);
        await client.query('commit');
        return value;
      } catch (error) {
        // A connection that is gone cannot roll back and need not: the server has done it.
        await client.query('rollback').catch(() => undefined);
        throw error;
      }
    },
  };
}
