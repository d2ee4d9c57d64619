import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createTestDatabase } from '@dunlin/testkit';
import pg from 'pg';
import { expect, test } from 'vitest';
import { isContraction, migrate, SchemaTooNew } from '../../src/migrate.js';

const migrations = readdirSync(fileURLToPath(new URL('../../migrations', import.meta.url)))
  .filter((file) => /^\d{3}_.*\.ts$/.test(file))
  .map((file) => file.slice(0, -3))
  .sort();

/**
 * What migrations of the first release take away again from earlier ones of the same release: no version ever ran without the later one, so
 * nobody can miss it. Add nothing here: a later migration that removes something is called NNN_contract_….
 */
const withinTheFirstRelease = new Set<string>([]);

/** What the version before may use: each table's columns with their types, functions by what they take and give, indexes by their keys. */
async function vocabulary(client: pg.Client): Promise<Set<string>> {
  const { rows } = await client.query<{ word: string }>(
    `select format('column %s.%s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod)) as word
       from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not a.attisdropped
     union all
     select format('function %s(%s) %s', p.proname, pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid))
       from pg_proc p where p.pronamespace = 'public'::regnamespace
        and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')`,
  );
  return new Set(rows.map(({ word }) => word));
}

/** Columns that an insert of the version before, which does not know them, cannot leave out. */
async function demanded(client: pg.Client): Promise<Set<string>> {
  const { rows } = await client.query<{ word: string }>(
    `select format('%s.%s', c.relname, a.attname) as word
       from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
        and a.attnotnull and not a.atthasdef and a.attidentity = ''`,
  );
  return new Set(rows.map(({ word }) => word));
}

async function tables(client: pg.Client): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'public'",
  );
  return new Set(rows.map(({ name }) => name));
}

test('each migration only adds: what the version before uses is there with the same types, and its inserts need nothing new', async () => {
  const database = await createTestDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const wrong: string[] = [];
    for (const name of migrations) {
      const before = {
        words: await vocabulary(client),
        demanded: await demanded(client),
        tables: await tables(client),
      };
      await migrate(database.url, { to: Number.parseInt(name, 10) });
      if (isContraction(name)) continue;
      const after = await vocabulary(client);
      for (const word of before.words) if (!after.has(word)) wrong.push(`${name} takes away ${word}`);
      for (const column of await demanded(client)) {
        const isNew = before.tables.has(column.split('.')[0] ?? '') && !before.demanded.has(column);
        if (isNew) wrong.push(`${name} demands ${column}`);
      }
    }
    expect(wrong.filter((line) => !withinTheFirstRelease.has(line))).toEqual([]);
    expect([...withinTheFirstRelease].filter((line) => !wrong.includes(line))).toEqual([]);
  } finally {
    await client.end();
    await database.close();
  }
});

test('a version that meets what a newer one added goes on; what a newer one took away stops it, in words', async () => {
  const database = await createTestDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await migrate(database.url);
    const claim = (name: string): Promise<unknown> =>
      client.query('insert into pgmigrations (name, run_on) values ($1, now())', [name]);
    await claim('998_add_a_column');
    const said: unknown[] = [];
    const logger = { info: () => undefined, error: () => undefined, warn: (fields: object) => void said.push(fields) };
    expect(await migrate(database.url, { logger })).toEqual([]);
    expect(said).toEqual([{ migrations: ['998_add_a_column'] }]);
    await claim('999_contract_old_columns');
    const refused = await migrate(database.url).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(SchemaTooNew);
    expect((refused as Error).message).toContain(
      'too new for this version of the wallet: 999_contract_old_columns removed',
    );
  } finally {
    await client.end();
    await database.close();
  }
});
