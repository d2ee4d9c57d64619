import knex, { type Knex } from 'knex';

/** The pool, its statements looking for their tables in the stack's own schema. */
export function openDatabase(url: string, poolSize: number): Knex {
  return knex({
    client: 'pg',
    connection: url,
    searchPath: ['mainstream'],
    pool: { min: poolSize, max: poolSize },
    acquireConnectionTimeout: 10_000,
  });
}
