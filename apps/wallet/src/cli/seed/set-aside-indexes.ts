import type pg from 'pg';

interface IndexRow {
  name: string;
  table: string;
  /** Of a plain index. */
  definition: string;
  /** Of a primary or unique key. */
  constraint_definition: string | null;
  comment: string | null;
}

/** An index that is away until its table is full. */
export interface AbsentIndex {
  readonly name: string;
  readonly table: string;
  readonly rebuild: readonly string[];
}

const indexesOf = `
  select i.relname as name, t.relname as table, pg_get_indexdef(i.oid) as definition,
         pg_get_constraintdef(k.oid) as constraint_definition, obj_description(i.oid, 'pg_class') as comment
    from pg_index x
    join pg_class i on i.oid = x.indexrelid
    join pg_class t on t.oid = x.indrelid
    left join pg_constraint k on k.conindid = i.oid and k.contype in ('p', 'u')
   where x.indrelid = any ($1::regclass[])
     and not exists (select from pg_constraint f where f.contype = 'f' and f.conindid = x.indexrelid)
   order by t.relname, x.indisprimary desc, i.relname`;

/**
 * Drops the indexes of `tables`, keys included, inside the running transaction, and says how each is made again: filling a table and
 * sorting it once is several times faster than keeping its indexes true row by row. Whatever ends the transaction early brings them back.
 * A key that a foreign key points at stays.
 */
export async function setAsideIndexes(client: pg.Client, tables: readonly string[]): Promise<AbsentIndex[]> {
  const { rows } = await client.query<IndexRow>(indexesOf, [tables]);
  for (const index of rows) {
    await client.query(
      index.constraint_definition === null
        ? `drop index ${client.escapeIdentifier(index.name)}`
        : `alter table ${client.escapeIdentifier(index.table)} drop constraint ${client.escapeIdentifier(index.name)}`,
    );
  }
  return rows.map((index) => ({ name: index.name, table: index.table, rebuild: rebuild(client, index) }));
}

function rebuild(client: pg.Client, index: IndexRow): string[] {
  const name = client.escapeIdentifier(index.name);
  const statements = [
    index.constraint_definition === null
      ? index.definition
      : `alter table ${client.escapeIdentifier(index.table)} add constraint ${name} ${index.constraint_definition}`,
  ];
  if (index.comment !== null) statements.push(`comment on index ${name} is ${client.escapeLiteral(index.comment)}`);
  return statements;
}
