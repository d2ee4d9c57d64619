import type { BenchContext } from '../harness/suite.js';
import { openBenchServer, seededDatabase, withClient, type SeededDatabase } from './data/seeded-database.js';
import { withoutIndexesOf006 } from './data/without-indexes.js';

/** The databases that the questions are asked of, and whom they ask for. */
export interface LedgerUnderTest {
  readonly full: SeededDatabase;
  /** The same rows without the indexes of migration 006. */
  readonly bare: { readonly url: string };
  /** As many users, no transaction. */
  readonly empty: SeededDatabase;
  readonly users: Users;
}

export interface Users {
  /** Who has the most transactions, and one in the middle. */
  readonly busiest: string;
  readonly typical: string;
  /** A thousand others. */
  readonly sample: readonly string[];
}

const small = process.env.BENCH_POSTGRES_SCALE === 'small';
const ten = process.env.BENCH_POSTGRES_SCALE === '10M';
const scale = small
  ? { users: 20_000, transactions: 300_000, tokens: 100_000 }
  : { users: 100_000, transactions: ten ? 10_000_000 : 3_000_000, tokens: 1_000_000 };

/** Opens the server and the databases, makes what is missing, and lends them to `work`. */
export async function withLedger<T>(context: BenchContext, work: (ledger: LedgerUnderTest) => Promise<T>): Promise<T> {
  const server = await openBenchServer();
  try {
    const full = await seededDatabase(server, scale, context.say);
    const empty = await seededDatabase(server, { users: scale.users, transactions: 0, tokens: 0 }, context.say);
    const bare = await withoutIndexesOf006(server, full, context.say);
    return await work({ full, bare, empty, users: await findUsers(full.url) });
  } finally {
    await server.close();
  }
}

function findUsers(url: string): Promise<Users> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      "select id from accounts where kind = 'user' order by online_completed + online_failed + online_cancelled + token_purchase_completed desc, id",
    );
    const step = Math.floor(rows.length / 1_000);
    const sample = rows.filter((_, at) => at % step === 0).map((row) => row.id);
    return { busiest: rows[0]?.id ?? '', typical: rows[rows.length >> 1]?.id ?? '', sample };
  });
}
