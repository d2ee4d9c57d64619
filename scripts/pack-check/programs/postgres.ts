import { Database, DatabaseError, QueryAnalyzer, statement } from '@dunlin/postgres';

const connectionString = process.env['DATABASE_URL'] ?? '';
const database = new Database({ connectionString });
const sum = statement('sum_of_two', 'SELECT $1::bigint + $2::bigint AS sum', { readOnly: true });
const { rows } = await database.query<{ sum: bigint }>(sum, [2n, 40n]);
const inside = await database.transaction(async (transaction) => (await transaction.query('SELECT 1')).rowCount);
const refused = await database.query('SELECT no_such_column').catch((error: unknown) => error);
const analyzer: QueryAnalyzer = new QueryAnalyzer(database);
await analyzer.analyze();
await database.close();
if (rows[0]?.sum !== 42n || inside !== 1) throw new Error(`read ${String(rows[0]?.sum)} and ${inside}`);
if (!(refused instanceof DatabaseError) || refused.kind !== 'rejected') throw new Error(`threw ${String(refused)}`);
