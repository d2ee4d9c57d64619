import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../migrate.js';
import { Passwords } from '../../accounts/passwords.js';
import { loadKeyring, type IssuerKey } from '../../keys/keyring.js';
import { parseMasterKey, type MasterKey } from '../../keys/master-key.js';
import { openSystemAccounts } from '../../ledger/system-accounts.js';
import { clientDatabase } from './client-database.js';
import { loadLedger, seededTables } from './load-ledger.js';
import { emailOf } from './user-rows.js';
import { resolveSeedOptions, type ResolvedSeedOptions, type SeedOptions } from './seed-options.js';

export { SeedError } from './seed-error.js';
export type { SeedOptions, SeedPhase, SeedProgress } from './seed-options.js';

/** What was seeded. Counts of what was added, not of what there was. */
export interface SeedReport {
  readonly users: number;
  readonly transactions: number;
  readonly tokens: number;
  readonly seconds: number;
  /** Of every seeded user. */
  readonly password: string;
  /** Who has the most transactions. */
  readonly busiest: SeededUser;
  /** Who has as many as half of the users have at most. */
  readonly typical: SeededUser;
  readonly currency: string;
}

export interface SeededUser {
  readonly id: string;
  readonly email: string;
  readonly transactions: number;
}

/**
 * Fills a wallet's database by COPY: users, a year's worth of what they did, the ledger that follows from it to the last entry, and
 * signed tokens. All of it is one transaction that commits only if the ledger reconciles, so a seeding that is broken off, however it
 * ends, leaves nothing behind. Meanwhile nobody else can use the tables: stop the wallets first.
 *
 * Measured on two cores that others used as well: 3 million transactions with their entries in 32 s, their indexes in 33 s, a million
 * tokens, most of it signing, in 70 s.
 * @throws SeedError; the driver's errors.
 */
export async function seed(options: SeedOptions): Promise<SeedReport> {
  const began = performance.now();
  const resolved = resolveSeedOptions(options);
  resolved.signal?.throwIfAborted();
  await migrate(resolved.databaseUrl);
  const client = new pg.Client({ connectionString: resolved.databaseUrl, application_name: 'dunlin-seed' });
  // A connection that breaks between two statements rejects the next one, which is where it is reported.
  client.on('error', () => undefined);
  // Whatever the client is waiting for ends with its connection, and PostgreSQL then rolls back.
  const onAbort = (): void => void client.end();
  resolved.signal?.addEventListener('abort', onAbort);
  try {
    await client.connect();
    return await seedOver(client, resolved, began);
  } catch (error) {
    resolved.signal?.throwIfAborted();
    throw error;
  } finally {
    resolved.signal?.removeEventListener('abort', onAbort);
    await client.end();
  }
}

async function seedOver(client: pg.Client, options: ResolvedSeedOptions, began: number): Promise<SeedReport> {
  const database = clientDatabase(client);
  await client.query('set statement_timeout = 0');
  await client.query('set idle_in_transaction_session_timeout = 0');
  const issuerKey: IssuerKey = (await loadKeyring(database, openKey(options.masterKey))).issuerKey;
  await openSystemAccounts(database, options.currency);
  const password = options.password ?? randomBytes(12).toString('base64url');
  const passwordHash = await new Passwords().hash(password);
  if (passwordHash === undefined) throw new Error('a single password was too many to hash');
  const mark = randomBytes(4).toString('hex');

  const { books, report } = await database.transaction(() =>
    loadLedger(client, database, { ...options, issuerKey, passwordHash, mark }),
  );
  // Until then, some scans of an index alone would visit the table: pages that were written twice are not known to be visible to all.
  await client.query(`vacuum ${seededTables.join(', ')}`);
  const { busiest, typical } = report;
  const describe = (user: { index: number; transactions: number }): SeededUser => ({
    id: books.idText(user.index),
    email: emailOf(user.index, mark),
    transactions: user.transactions,
  });
  return {
    users: options.users,
    transactions: options.transactions,
    tokens: options.tokens,
    seconds: Math.round((performance.now() - began) / 100) / 10,
    password,
    busiest: describe(busiest),
    typical: describe(typical),
    currency: options.currency,
  };
}

const openKey = (key: MasterKey | string): MasterKey => (typeof key === 'string' ? parseMasterKey(key) : key);
