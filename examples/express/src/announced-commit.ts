import { PostgresCommitLog, type CommittedChange } from '@dunlin/cache';
import type { Database, Transaction } from '@dunlin/postgres';
import type { Announcing } from './cached-answers.js';

/** What a transaction did, and which cached answers it made stale; no changes: nothing to tell. */
export interface Work<Outcome> {
  readonly outcome: Outcome;
  readonly changes: readonly CommittedChange[];
}

/**
 * Runs `work` in a transaction that also publishes what it made stale. Resolves when every instance knows, so the caller may
 * acknowledge. The publication is the transaction's last statement: it holds a lock until the commit, and must not wait for rows.
 */
export async function commitAndTell<Outcome>(
  database: Database,
  cache: Announcing,
  work: (tx: Transaction) => Promise<Work<Outcome>>,
): Promise<Outcome> {
  const { outcome, changes, published } = await database.transaction(async (tx) => {
    const done = await work(tx);
    if (done.changes.length === 0) return { ...done, published: null };
    tx.afterOutcomeUnknown(() => cache.afterUnknownOutcome({ changes: done.changes }));
    const keys = done.changes.map(({ key }) => key);
    const versions = done.changes.map(({ version }) => version ?? null);
    const values = [cache.instanceId, keys, versions, null];
    const { rows } = await tx.query<{ published: unknown }>(PostgresCommitLog.publishSql, values);
    return { ...done, published: rows[0]?.published };
  });
  if (changes.length > 0) await cache.afterCommit({ published, changes });
  return outcome;
}
