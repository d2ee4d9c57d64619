import type pg from 'pg';

/**
 * Truncates tables that are empty already, inside the running transaction, so that PostgreSQL lets a COPY write rows that need no
 * VACUUM later (FREEZE), and so that a seeding that is broken off leaves no dead rows behind. Answers false, with nothing done,
 * where another table points at one of these. The triggers that forbid TRUNCATE are put aside for this one statement; the tables are
 * locked and were seen to be empty, so there is nothing that they could have kept.
 */
export async function truncateEmpty(client: pg.Client, tables: readonly string[]): Promise<boolean> {
  const { rows: pointing } = await client.query<{ name: string }>(
    `select conname as name from pg_constraint
      where contype = 'f' and confrelid = any ($1::regclass[]) and not conrelid = any ($1::regclass[])`,
    [tables],
  );
  if (pointing.length > 0) return false;
  const { rows: guards } = await client.query<{ table: string; name: string }>(
    `select c.relname as table, t.tgname as name from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where t.tgrelid = any ($1::regclass[]) and not t.tgisinternal and t.tgtype & 32 > 0`,
    [tables],
  );
  for (const verb of ['disable', 'enable'] as const) {
    for (const { table, name } of guards) {
      await client.query(
        `alter table ${client.escapeIdentifier(table)} ${verb} trigger ${client.escapeIdentifier(name)}`,
      );
    }
    if (verb === 'disable') await client.query(`truncate ${tables.join(', ')}`);
  }
  return true;
}
