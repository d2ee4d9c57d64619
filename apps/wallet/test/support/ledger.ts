import { randomBytes } from 'node:crypto';
import { Database } from '@dunlin/postgres';
import { v7 as uuidv7 } from 'uuid';
import { Ledger, type LedgerCommit } from '../../src/ledger/ledger.js';
import type { AmountMinor } from '../../src/ledger/money.js';
import type { Idempotency, IssuedToken, OperationOutcome } from '../../src/ledger/operation.js';
import { openSystemAccounts } from '../../src/ledger/system-accounts.js';
import { createWalletDatabase } from './database.js';

/** A ledger on a database of the test's own; `commits` collects what it told after each commit. */
export interface LedgerBench {
  database: Database;
  ledger: Ledger;
  commits: LedgerCommit[];
  url: string;
  openUser(): Promise<string>;
  fund(userId: string, amount: bigint): Promise<void>;
  close(): Promise<void>;
}

export async function openLedgerBench(
  options: { poolSize?: number; maxConcurrentBatches?: number } = {},
): Promise<LedgerBench> {
  const { url, close } = await createWalletDatabase();
  // Many calls wait for few connections here, on purpose, and a slow machine is no reason to turn one away.
  const database = new Database({ connectionString: url, poolSize: options.poolSize ?? 4, acquireTimeoutMs: 60_000 });
  await openSystemAccounts(database, 'EUR');
  const commits: LedgerCommit[] = [];
  const ledger = new Ledger({
    database,
    currency: 'EUR',
    writer: 'test',
    afterCommit: async (commit) => void commits.push(commit),
    afterUnknownOutcome: () => {},
    maxConcurrentBatches: options.maxConcurrentBatches ?? 2,
  });
  return {
    database,
    ledger,
    commits,
    url,
    openUser: () => openUser(database),
    fund: async (userId, amount) => {
      await ledger.execute({ type: 'deposit', userId, amount: minor(amount), reference: uuidv7() });
    },
    close: async () => {
      await database.close();
      await close();
    },
  };
}

/**
 * Instances of one wallet on the bench's database: ledgers of their own, each with several calls under way, so that races meet in the
 * database. What one ledger is asked in one turn goes in one call and meets nobody.
 */
export const openLedgers = (bench: LedgerBench, count = 3): ((at: number) => Ledger) => {
  const ledgers = Array.from(
    { length: count },
    (_, at) =>
      new Ledger({
        database: bench.database,
        currency: 'EUR',
        writer: `instance-${at}`,
        afterCommit: async () => {},
        afterUnknownOutcome: () => {},
        maxBatchSize: 7,
        maxConcurrentBatches: 4,
      }),
  );
  return (at) => ledgers[at % count] as Ledger;
};

/** A user and its account, without the cost of hashing a password. */
export async function openUser(database: Database): Promise<string> {
  const id = uuidv7();
  await database.query(
    `with u as (insert into users (id, email, password_hash) values ($1, $2, 'none') returning id)
     insert into accounts (id, kind, currency) select id, 'user', 'EUR' from u`,
    [id, `${id}@example.test`],
  );
  return id;
}

export const minor = (amount: bigint | number): AmountMinor => BigInt(amount) as AmountMinor;

export const idempotency = (principalId: string, key: string = uuidv7(), hash = 'body'): Idempotency => ({
  principalId,
  key,
  requestHash: Buffer.from(hash),
});

/** A token of `amount`; the ledger does not look at the signed form, so the bench gives it random bytes. */
export function issueToken(amount: bigint | number, lifetimeMs = 3_600_000): IssuedToken {
  const issuedAt = new Date();
  return {
    id: uuidv7(),
    amount: minor(amount),
    keyId: 'bench',
    deviceKeyId: null,
    issuedAt: lifetimeMs > 0 ? issuedAt : new Date(issuedAt.getTime() + lifetimeMs - 1_000),
    expiresAt: new Date(issuedAt.getTime() + lifetimeMs),
    compact: randomBytes(32).toString('base64url'),
  };
}

/** `completed`, or the refusal's code; with `replayed:` in front where it was. */
export function summary(outcome: OperationOutcome): string {
  const word = outcome.kind === 'completed' ? 'completed' : outcome.code;
  return outcome.replayed ? `replayed:${word}` : word;
}

export function tally(outcomes: OperationOutcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[summary(outcome)] = (counts[summary(outcome)] ?? 0) + 1;
  return counts;
}
