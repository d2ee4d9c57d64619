import type { Statement } from '@dunlin/postgres';

/** What the keys and the accounts ask of a database; `Database` and `Transaction` of @dunlin/postgres both satisfy it. */
export interface Queryable {
  query<Row>(statement: Statement | string, values?: readonly unknown[]): Promise<{ rows: Row[]; rowCount: number }>;
}

/** A database that can run several statements as one. `work` may run again after a serialization failure or a deadlock. */
export interface TransactionalDatabase extends Queryable {
  transaction<Value>(work: (transaction: Queryable) => Promise<Value>): Promise<Value>;
}
