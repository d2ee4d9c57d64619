/** The part of a database that this package uses: one statement with positional parameters. `pg`'s Pool satisfies it by a thin wrapper. */
export interface Queryable {
  query<Row>(text: string, values?: readonly unknown[]): Promise<{ rows: Row[]; rowCount: number }>;
}
