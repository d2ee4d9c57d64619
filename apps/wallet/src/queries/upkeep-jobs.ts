import { statement, type MaintenanceJob } from '@dunlin/postgres';
import { readLapsedTokenIds } from './tokens.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Queryable } from '../ledger/queryable.js';

const expiryBatch = 1_000;
const sweepBatch = 10_000;

/** In batches, so that no lock is held for long; the oldest first, from the BRIN index on their time. */
const sweepStatement = statement(
  'sweep_idempotency_keys',
  `delete from idempotency_keys
    where (principal_id, key) in (
      select principal_id, key from idempotency_keys where created_at < now() - make_interval(secs => $1) limit $2
    )`,
);

/**
 * Refunds the tokens whose expiry passed `graceSeconds` ago to whoever owned them last, batch by batch; until then a transfer of theirs may
 * still come in. Running it again, or twice at once, refunds nothing twice.
 */
export function tokenExpiryJob(database: Queryable, ledger: Ledger, graceSeconds: number): MaintenanceJob {
  return {
    name: 'token_expiry',
    async run({ signal }) {
      let expired = 0;
      for (let found = expiryBatch; found === expiryBatch && !signal.aborted;) {
        const ids = await readLapsedTokenIds(database, graceSeconds, expiryBatch);
        found = ids.length;
        if (found > 0) expired += await ledger.closeTokens(ids, 'expired', graceSeconds);
      }
      return { detail: `${expired} expired tokens were refunded.`, counts: { expired } };
    },
  };
}

/** Forgets idempotency keys after `keptSeconds`; a client that repeats a request later than that would be served anew. */
export function idempotencySweepJob(database: Queryable, keptSeconds: number): MaintenanceJob {
  return {
    name: 'idempotency_sweep',
    async run({ signal }) {
      let removed = 0;
      for (let found = sweepBatch; found === sweepBatch && !signal.aborted; removed += found) {
        found = (await database.query(sweepStatement, [keptSeconds, sweepBatch])).rowCount;
      }
      return { detail: `${removed} idempotency keys were forgotten.`, counts: { removed } };
    },
  };
}
