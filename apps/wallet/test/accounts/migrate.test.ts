import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTestDatabase, makeScratchFolder, removeScratchFolder, type TestDatabase } from '@dunlin/testkit';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrate, MigrationLockTimeout } from '../../src/migrate.js';

describe('migrate', () => {
  let database: TestDatabase;
  let folder: string;
  let client: pg.Client;

  beforeEach(async () => {
    database = await createTestDatabase();
    folder = makeScratchFolder();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });

  afterEach(async () => {
    await client.end();
    await database.close();
    removeScratchFolder(folder);
  });

  /** A folder like the one that the compiler leaves: modules with declarations and maps beside them, listed in any order. */
  async function writeMigrations(modules: Record<string, string>): Promise<string> {
    const directory = join(folder, 'migrations');
    await mkdir(join(directory, 'functions'), { recursive: true });
    for (const [name, source] of Object.entries(modules)) {
      await writeFile(join(directory, `${name}.js`), source);
      await writeFile(join(directory, `${name}.d.ts`), 'export {};\n');
      await writeFile(join(directory, `${name}.js.map`), '{}');
      await writeFile(join(directory, `${name}.d.ts.map`), '{}');
    }
    return directory;
  }

  const table = (name: string, needs?: string): string => `
    export const up = (pgm) => pgm.sql('create table ${name} (id int primary key${needs === undefined ? '' : `, other int references ${needs} (id)`});');
    export const down = (pgm) => pgm.sql('drop table ${name};');
  `;

  async function tables(): Promise<string[]> {
    const { rows } = await client.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> 'pgmigrations' order by 1`,
    );
    return rows.map((row) => row.name);
  }

  it('applies in the order of the numbers and names what it applied', async () => {
    const directory = await writeMigrations({
      '010_third': table('c', 'b'),
      '002_second': table('b', 'a'),
      '001_first': table('a'),
    });
    expect(await migrate(database.url, { directory })).toEqual(['001_first', '002_second', '010_third']);
    expect(await tables()).toEqual(['a', 'b', 'c']);
  });

  it('does nothing, and loads no module, when nothing is missing', async () => {
    const directory = await writeMigrations({ '001_first': 'throw new Error("loaded");' });
    await expect(migrate(database.url, { directory })).rejects.toThrow(/loaded/);
    await client.query(`insert into pgmigrations (name, run_on) values ('001_first', now())`);
    expect(await migrate(database.url, { directory })).toEqual([]);
  });

  it('goes up and down to a number', async () => {
    const directory = await writeMigrations({
      '001_first': table('a'),
      '002_second': table('b', 'a'),
      '003_third': table('c', 'b'),
    });
    expect(await migrate(database.url, { directory, to: 2 })).toEqual(['001_first', '002_second']);
    expect(await migrate(database.url, { directory })).toEqual(['003_third']);
    expect(await migrate(database.url, { directory, direction: 'down' })).toEqual(['003_third']);
    expect(await migrate(database.url, { directory, direction: 'down', to: 0 })).toEqual(['002_second', '001_first']);
    expect(await tables()).toEqual([]);
  });

  it('leaves what was applied before a failing migration, and nothing of the failing one', async () => {
    const broken = `export const up = (pgm) => pgm.sql('create table b (id int); select 1 / 0;'); export const down = () => {};`;
    const directory = await writeMigrations({ '001_first': table('a'), '002_broken': broken });
    await expect(migrate(database.url, { directory })).rejects.toThrow(/division by zero/);
    expect(await tables()).toEqual(['a']);
  });

  it('lets several instances start at once, index builds outside a transaction included', async () => {
    const concurrent = `
      export const up = (pgm) => { pgm.noTransaction(); pgm.sql('create index concurrently a_twice on a ((id * 2));'); };
      export const down = (pgm) => { pgm.noTransaction(); pgm.sql('drop index concurrently a_twice;'); };
    `;
    const directory = await writeMigrations({ '001_first': table('a'), '002_index': concurrent });
    const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(database.url, { directory })));
    expect(applied.flat().sort()).toEqual(['001_first', '002_index']);
    const { rows } = await client.query(`select indisvalid from pg_index where indexrelid = 'a_twice'::regclass`);
    expect(rows).toEqual([{ indisvalid: true }]);
  });

  it('gives up after the stated wait when another session keeps the lock', async () => {
    const directory = await writeMigrations({ '001_first': table('a') });
    await client.query('select pg_advisory_lock(4071170221)');
    await expect(migrate(database.url, { directory, waitMs: 150 })).rejects.toBeInstanceOf(MigrationLockTimeout);
    expect(await tables()).toEqual([]);
  });

  it('goes on, with a warning, on a database that a newer version has migrated', async () => {
    const newer = await writeMigrations({ '001_first': table('a'), '002_second': table('b') });
    await migrate(database.url, { directory: newer });
    await client.query(`update pgmigrations set name = '002_from_the_future' where name = '002_second'`);
    await rm(join(newer, '002_second.js'));
    const warnings: object[] = [];
    const logger = { info: () => {}, warn: (fields: object) => warnings.push(fields), error: () => {} };
    expect(await migrate(database.url, { directory: newer, logger })).toEqual([]);
    expect(warnings).toEqual([{ migrations: ['002_from_the_future'] }]);
  });
});

describe("the wallet's own migrations", () => {
  it('go up, all the way down, and up again', async () => {
    const database = await createTestDatabase();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      const up = await migrate(database.url);
      expect(up.slice(0, 4)).toEqual([
        '001_create_users',
        '002_create_ledger',
        '003_create_offline_tokens',
        '004_create_keys',
      ]);
      expect(await migrate(database.url, { direction: 'down', to: 0 })).toEqual([...up].reverse());
      const { rows } = await client.query(
        `select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = 'public' and relname !~ '^(pgmigrations|pg_stat)'`,
      );
      expect(rows).toEqual([]);
      expect(await migrate(database.url)).toEqual(up);
    } finally {
      await client.end();
      await database.close();
    }
  });
});
