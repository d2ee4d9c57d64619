import type { Database } from '../database.js';
import { sqlFile } from '../sql-file.js';

export interface ServerFacts {
  readonly version: number;
  readonly work_mem_bytes: bigint;
  readonly random_page_cost: number;
  readonly has_hypopg: boolean;
  readonly has_statement_counters: boolean;
  /** How long the server has been counting scans, in seconds. */
  readonly statistics_age_seconds: number;
}

export interface TableFacts {
  readonly schema: string;
  readonly table: string;
  readonly rows: number;
  readonly pages: number;
  /** Of them, those that VACUUM has marked as visible to everybody. */
  readonly visible_pages: number;
  readonly sequential_scans: number;
  readonly index_scans: number;
  readonly inserts: number;
  readonly updates: number;
  readonly hot_updates: number;
  readonly deletes: number;
}

export interface ColumnFacts {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly width_bytes: number;
  /** Null where ANALYZE has not run. */
  readonly distinct_values: number | null;
  readonly null_share: number;
  /** Of its table. */
  readonly rows: number;
  /** True for a text that is ordered by the codes of its characters (collation C), so that a plain index finds beginnings. */
  readonly orders_by_code: boolean;
  readonly correlation: number;
  readonly common_values: string[] | null;
  readonly common_shares: number[] | null;
}

export interface IndexFacts {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly method: string;
  readonly is_unique: boolean;
  readonly is_constraint: boolean;
  readonly is_replica_identity: boolean;
  readonly is_valid: boolean;
  readonly keys: string[];
  readonly directions: string[];
  readonly included: string[];
  readonly classes: string;
  readonly predicate: string | null;
  readonly size_bytes: number;
  readonly scans: number;
  /** The statement that creates it. */
  readonly definition: string;
  readonly comment: string | null;
}

export interface ForeignKeyFacts {
  readonly schema: string;
  readonly table: string;
  readonly columns: string[];
}

/** The schema as the advice sees it, read in one go. */
export interface SchemaFacts {
  readonly server: ServerFacts;
  readonly tables: ReadonlyMap<string, TableFacts>;
  readonly indexes: readonly IndexFacts[];
  readonly foreignKeys: readonly ForeignKeyFacts[];
}

export const tableKey = (of: { schema: string; table: string }): string => `${of.schema}.${of.table}`;

/** Cost: four queries over the catalog. */
export async function readSchemaFacts(database: Database): Promise<SchemaFacts> {
  const server = (await database.query<ServerFacts>(sqlFile('server-facts'))).rows[0] as ServerFacts;
  const tables = (await database.query<TableFacts>(sqlFile('table-facts'))).rows;
  const indexes = (await database.query<IndexFacts>(sqlFile('index-facts'))).rows;
  const foreignKeys = (await database.query<ForeignKeyFacts>(sqlFile('foreign-key-facts'))).rows;
  return { server, tables: new Map(tables.map((table) => [tableKey(table), table])), indexes, foreignKeys };
}

/** The columns of some tables by `schema.table.column`. */
export async function readColumnFacts(
  database: Database,
  tables: readonly string[],
): Promise<Map<string, ColumnFacts>> {
  if (tables.length === 0) return new Map();
  const { rows } = await database.query<ColumnFacts>(sqlFile('column-facts'), [tables]);
  return new Map(rows.map((row) => [`${tableKey(row)}.${row.column}`, row]));
}

/** Those of some functions of which an index may be made. */
export async function readImmutable(database: Database, names: readonly string[]): Promise<Set<string>> {
  if (names.length === 0) return new Set();
  const { rows } = await database.query<{ name: string }>(sqlFile('immutable-functions'), [names]);
  return new Set(rows.map(({ name }) => name));
}
