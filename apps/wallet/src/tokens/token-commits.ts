import type { TransactionalDatabase } from '../keys/queryable.js';
import type { LedgerOptions } from '../ledger/ledger.js';

/** The ledger's way of telling what a commit changed, for the token operations that are calls of their own. */
export interface TokenCommits extends Pick<LedgerOptions, 'writer' | 'afterCommit' | 'afterUnknownOutcome'> {
  database: TransactionalDatabase;
}

/** What a call publishes of the accounts that it changed. */
export interface PublishedRow {
  changed_accounts: string[];
  versions: bigint[];
  publication: unknown;
}

/**
 * Runs `call` as one transaction, again after a deadlock or a serialization failure, and resolves when no instance serves what
 * it made stale. When nobody knows whether it was committed, `accountIds` are forgotten everywhere before the error goes on.
 */
export async function commitAndAnnounce<Row extends PublishedRow>(
  { database, afterCommit, afterUnknownOutcome }: TokenCommits,
  accountIds: readonly string[],
  call: (transaction: Parameters<Parameters<TransactionalDatabase['transaction']>[0]>[0]) => Promise<Row>,
): Promise<Row> {
  try {
    const row = await database.transaction(call);
    const accounts = row.changed_accounts ?? [];
    const changes = accounts.map((accountId, at) => ({ accountId, version: row.versions[at] as bigint }));
    await afterCommit({ published: row.publication, changes });
    return row;
  } catch (error) {
    if ((error as { kind?: unknown } | null)?.kind === 'outcome_unknown') afterUnknownOutcome(accountIds);
    throw error;
  }
}
