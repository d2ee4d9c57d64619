import { setImmediate as nextTurn } from 'node:timers/promises';
import type pg from 'pg';
import type { IssuerKey } from '../../keys/keyring.js';
import type { Queryable } from '../../keys/queryable.js';
import { reconcile } from '../../ledger/reconciliation.js';
import { Activity } from './activity.js';
import { Books, type SystemAccount } from './books.js';
import { copyInto } from './copy-into.js';
import { truncateEmpty } from './empty-tables.js';
import { entryColumns, referenceColumns, transactionColumns, TransactionRows } from './row-writers.js';
import { SeedError } from './seed-error.js';
import type { ResolvedSeedOptions } from './seed-options.js';
import { setAsideIndexes, type AbsentIndex } from './set-aside-indexes.js';
import { tokenColumns, tokenRows } from './token-rows.js';
import { accountColumns, accountRows, userColumns, userRows } from './user-rows.js';

export interface LoadOptions extends ResolvedSeedOptions {
  readonly issuerKey: IssuerKey;
  readonly passwordHash: string;
  /** In every address and reference that this seeding makes. */
  readonly mark: string;
}

export interface Loaded {
  readonly books: Books;
  readonly report: Record<'busiest' | 'typical', { index: number; transactions: number }>;
}

export const seededTables = ['users', 'accounts', 'transactions', 'entries', 'tokens', 'external_references'] as const;
const bulkTables = ['transactions', 'entries', 'tokens', 'external_references'] as const;
const dayMs = 86_400_000;
const transactionsPerChunk = 50_000;
/** How many transactions are made between two turns of the event loop, in which the chunk before goes out. */
const transactionsPerTurn = 2_000;
const lockNotAvailable = '55P03';

/**
 * Everything that happens inside the transaction. The triggers stay on: each chunk of entries is one statement, so
 * `entries_balance` sees its transactions whole, and the accounts come last, when their entries are there to be compared with.
 */
export async function loadLedger(client: pg.Client, database: Queryable, options: LoadOptions): Promise<Loaded> {
  await lockTables(client);
  const isEmpty = await refuseWallets(client, options.intoExisting);
  await client.query(`set local maintenance_work_mem = '512MB'; set local work_mem = '128MB'`);
  const freeze = isEmpty && (await truncateEmpty(client, bulkTables));
  const absent = await setAsideIndexes(client, bulkTables);

  const books = new Books(options.users, await readSystemAccounts(database));
  const endMs = Date.now() - 1000;
  const startMs = endMs - options.days * dayMs;
  const rows = new TransactionRows(books, options.currency);
  const spare = new TransactionRows(books, options.currency);
  const activity = new Activity(books, [rows, spare], { ...options, startMs, endMs });
  const createdAt = (user: number): number => activity.timeOf(Math.min(user, options.transactions));

  const users = userRows(books, options.mark, options.passwordHash, createdAt);
  await copyInto(client, { table: 'users', columns: userColumns, freeze: false }, users);
  options.onProgress({ phase: 'users', done: options.users, total: options.users });
  await loadTransactions(client, activity, options, freeze);
  await loadTokens(client, books, activity, options, endMs, freeze);
  await rebuildIndexes(client, absent, options);
  await loadAccounts(client, books, options, createdAt);
  await proveSound(client, database, options);
  return { books, report: rank(books) };
}

async function lockTables(client: pg.Client): Promise<void> {
  await client.query(`set local lock_timeout = '5s'`);
  try {
    await client.query(`lock table ${seededTables.join(', ')} in access exclusive mode`);
  } catch (error) {
    if ((error as { code?: unknown }).code !== lockNotAvailable) throw error;
    throw new SeedError(
      'in_use',
      'The tables are in use: a wallet or another program works on this database. Stop it, seed, and start it again.',
      { cause: error },
    );
  }
}

/** Whether nobody has an account yet; the operators' own, which the first start makes, do not count. */
async function refuseWallets(client: pg.Client, intoExisting: boolean): Promise<boolean> {
  const { rows } = await client.query<{ users: number; transactions: boolean }>(
    `select (select count(*)::int from (select from users where role = 'user' limit 1000) u) as users,
            exists (select from transactions) or exists (select from tokens) as transactions`,
  );
  const found = rows[0];
  const isEmpty = found?.users === 0 && !found.transactions;
  if (isEmpty || intoExisting) return isEmpty;
  const users = found?.users === 1000 ? '1000 users or more' : `${found?.users ?? 0} users`;
  throw new SeedError(
    'not_empty',
    `This database holds wallets already (${users}${found?.transactions ? ', and transactions' : ''}); nothing was changed.`,
  );
}

async function readSystemAccounts(database: Queryable): Promise<SystemAccount[]> {
  const { rows } = await database.query<{ id: string; balance: bigint; version: bigint }>(
    `select id, balance, version from accounts where kind <> 'user'`,
  );
  return rows.map(({ id, balance, version }) => ({ id, balance: Number(balance), version: Number(version) }));
}

/** One chunk is on its way while the next is made. */
async function loadTransactions(
  client: pg.Client,
  activity: Activity,
  options: LoadOptions,
  freeze: boolean,
): Promise<void> {
  const total = options.transactions;
  let onItsWay: Promise<void> = Promise.resolve();
  while (activity.done < total) {
    const end = Math.min(total, activity.done + transactionsPerChunk);
    while (activity.done < end) {
      const pause = Math.min(end, activity.done + transactionsPerTurn);
      while (activity.done < pause) activity.step();
      await nextTurn();
    }
    await onItsWay;
    options.signal?.throwIfAborted();
    const rows = activity.turnPage();
    onItsWay = copyChunk(client, rows, freeze).then(() =>
      options.onProgress({ phase: 'transactions', done: end, total }),
    );
    // It is awaited below or in the next turn; until then a failure must not count as unhandled.
    onItsWay.catch(() => undefined);
  }
  await onItsWay;
}

async function copyChunk(client: pg.Client, rows: TransactionRows, freeze: boolean): Promise<void> {
  const { transactions, entries, references } = rows;
  await copyInto(client, { table: 'transactions', columns: transactionColumns, freeze }, transactions.take());
  await copyInto(client, { table: 'entries', columns: entryColumns, freeze }, entries.take());
  await copyInto(client, { table: 'external_references', columns: referenceColumns, freeze }, references.take());
}

async function loadTokens(
  client: pg.Client,
  books: Books,
  activity: Activity,
  options: LoadOptions,
  endMs: number,
  freeze: boolean,
): Promise<void> {
  let done = 0;
  let onItsWay: Promise<void> = Promise.resolve();
  for await (const chunk of tokenRows(activity.purchases, { ...options, books, endMs })) {
    await onItsWay;
    options.signal?.throwIfAborted();
    onItsWay = copyInto(client, { table: 'tokens', columns: tokenColumns, freeze }, chunk.bytes).then(() => {
      done += chunk.count;
      options.onProgress({ phase: 'tokens', done, total: options.tokens });
    });
    onItsWay.catch(() => undefined);
  }
  await onItsWay;
}

async function rebuildIndexes(client: pg.Client, absent: readonly AbsentIndex[], options: LoadOptions): Promise<void> {
  for (const [at, index] of absent.entries()) {
    options.signal?.throwIfAborted();
    for (const text of index.rebuild) await client.query(text);
    options.onProgress({ phase: 'indexes', done: at + 1, total: absent.length });
  }
}

async function loadAccounts(
  client: pg.Client,
  books: Books,
  options: LoadOptions,
  createdAt: (user: number) => number,
): Promise<void> {
  const rows = accountRows(books, options.currency, createdAt);
  await copyInto(client, { table: 'accounts', columns: accountColumns, freeze: false }, rows);
  const system = books.systemIndexes;
  await client.query(
    `update accounts a set balance = after.balance, version = after.version
       from unnest($1::uuid[], $2::bigint[], $3::bigint[]) as after (id, balance, version)
      where a.id = after.id`,
    [
      system.map((at) => books.idText(at)),
      system.map((at) => books.balances[at]),
      system.map((at) => books.versions[at]),
    ],
  );
  options.onProgress({ phase: 'accounts', done: options.users, total: options.users });
}

/** The same reconciliation that the wallet runs, over what is about to be committed. */
async function proveSound(client: pg.Client, database: Queryable, options: LoadOptions): Promise<void> {
  await client.query(`analyze ${seededTables.join(', ')}`);
  const { discrepancies } = await reconcile(database, {
    onPage: (done) => options.onProgress({ phase: 'reconcile', done, total: Math.max(done, options.users) }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const first = discrepancies[0];
  if (first !== undefined) {
    throw new SeedError(
      'does_not_reconcile',
      `The ledger would not reconcile (${first.check}${first.accountId === undefined ? '' : ` of ${first.accountId}`}: ` +
        `expected ${first.expected}, found ${first.found}); nothing was kept.`,
    );
  }
}

function rank(books: Books): Loaded['report'] {
  const totals = new Int32Array(books.users);
  for (const counts of Object.values(books.counts)) {
    for (let user = 0; user < books.users; user += 1)
      totals[user] = (totals[user] as number) + (counts[user] as number);
  }
  const order = Uint32Array.from(totals, (_, user) => user).sort(
    (a, b) => (totals[a] as number) - (totals[b] as number),
  );
  const at = (position: number): { index: number; transactions: number } => {
    const index = order[position] as number;
    return { index, transactions: totals[index] as number };
  };
  return { busiest: at(books.users - 1), typical: at(books.users >> 1) };
}
