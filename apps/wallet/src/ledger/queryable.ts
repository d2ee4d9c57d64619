import type { Statement } from '@dunlin/postgres';

/** What the ledger asks of a database; `Database` and `Transaction` of @dunlin/postgres satisfy it. int8 columns arrive as `bigint`. */
export interface Queryable {
  query<Row>(statement: Statement | string, values?: readonly unknown[]): Promise<{ rows: Row[]; rowCount: number }>;
}
