import { pipeline } from 'node:stream/promises';
import type { UpgradeServer } from '@dunlin/embedded';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { appliedMigrations, migrate } from '../../migrate.js';
import { StartError } from '../../process/start-error.js';

/** What was carried over. */
export interface CarriedOver {
  readonly tables: number;
  readonly rows: number;
}

interface Table {
  readonly name: string;
  /** Those that are stored, quoted: a generated one makes itself. */
  readonly columns: string;
}

/**
 * Fills the new server's database with what the old one's holds. The schema comes of the same migrations that the old one has had, not of a dump; every table is
 * then copied as it is, in PostgreSQL's binary form, with the triggers off: they have done their work when the rows were first written.
 * Refuses (`StartError`) an old database that holds tables or columns of which the migrations know nothing.
 */
export async function carryOver(
  from: UpgradeServer,
  to: UpgradeServer,
  signal: AbortSignal,
  onTable: (done: number, total: number) => void,
): Promise<CarriedOver> {
  const applied = (await appliedMigrations(from.url)).filter((one) => one.applied).map(({ name }) => name);
  const last = Math.max(0, ...applied.map((name) => Number.parseInt(name, 10)));
  await migrate(to.url, { to: last });
  const [source, target] = [from, to].map(({ superuserUrl }) => new pg.Client({ connectionString: superuserUrl }));
  if (source === undefined || target === undefined) throw new Error('there are two servers');
  for (const client of [source, target]) client.on('error', () => undefined);
  try {
    await Promise.all([source.connect(), target.connect()]);
    const tables = await tablesOf(source);
    refuseStrangers(tables, await tablesOf(target));
    await source.query('begin isolation level repeatable read read only');
    await target.query('begin');
    await target.query('set local session_replication_role = replica');
    for (const { name } of tables) await target.query(`alter table ${name} disable trigger all`);
    await target.query(`truncate ${tables.map(({ name }) => name).join(', ')}`);
    let rows = 0;
    for (const [at, table] of tables.entries()) {
      signal.throwIfAborted();
      rows += await copyTable(source, target, table, signal);
      onTable(at + 1, tables.length);
    }
    await copySequences(source, target);
    for (const { name } of tables) await target.query(`alter table ${name} enable trigger all`);
    await target.query('commit');
    await target.query('analyze');
    return { tables: tables.length, rows };
  } finally {
    await Promise.all([source.end(), target.end()]);
  }
}

async function tablesOf(client: pg.Client): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `select format('%I.%I', n.nspname, c.relname) as name,
            string_agg(quote_ident(a.attname), ', ' order by a.attname) filter (where a.attgenerated = '') as columns
       from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
      where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema)' and a.attnum > 0 and not a.attisdropped
        and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
      group by 1 order by 1`,
  );
  return rows;
}

function refuseStrangers(source: readonly Table[], target: readonly Table[]): void {
  const known = new Map(target.map(({ name, columns }) => [name, columns]));
  const strange = source.filter(({ name, columns }) => known.get(name) !== columns).map(({ name }) => name);
  if (strange.length === 0) return;
  throw new StartError(
    `The old database holds tables that the migrations do not make, or not so: ${strange.join(', ')}. Nothing was changed. Take them out, or carry the database over with pg_dump.`,
  );
}

async function copyTable(
  source: pg.Client,
  target: pg.Client,
  { name, columns }: Table,
  signal: AbortSignal,
): Promise<number> {
  const out = source.query(copyTo(`copy ${name} (${columns}) to stdout (format binary)`));
  const into = target.query(copyFrom(`copy ${name} (${columns}) from stdin (format binary)`));
  await pipeline(out, into, { signal });
  const count = `select count(*)::int as count from ${name}`;
  const [before, after] = [await source.query<{ count: number }>(count), await target.query<{ count: number }>(count)];
  const rows = before.rows[0]?.count ?? 0;
  if (after.rows[0]?.count !== rows)
    throw new Error(`${name} had ${rows} rows and has ${String(after.rows[0]?.count)}`);
  return rows;
}

async function copySequences(source: pg.Client, target: pg.Client): Promise<void> {
  const { rows } = await source.query<{ name: string }>(
    `select format('%I.%I', schemaname, sequencename) as name from pg_sequences where schemaname !~ '^(pg_|information_schema)'`,
  );
  for (const { name } of rows) {
    const state = await source.query<{ value: string; called: boolean }>(
      `select last_value::text as value, is_called as called from ${name}`,
    );
    const { value, called } = state.rows[0] ?? { value: '1', called: false };
    await target.query('select setval($1::regclass, $2::bigint, $3)', [name, value, called]);
  }
}
