import type { MigrationBuilder } from 'node-pg-migrate';

interface PerformanceIndex {
  name: string;
  on: string;
  /** What it serves; kept in the database as the index's comment. `dunlin: keep` tells the advisor to leave it alone. */
  comment: string;
}

/**
 * The indexes of the hot reads, with the queries that each serves. Built CONCURRENTLY, so neither reads nor writes wait,
 * which is why this migration runs outside a transaction. An interrupted build leaves an INVALID index behind: each is
 * looked for and dropped first, so the migration can simply be run again.
 */
const indexes: readonly PerformanceIndex[] = [
  {
    name: 'idx_transactions_sender_created_status',
    on: 'transactions (sender_id, created_at desc, id desc, status)',
    comment: 'history, the half that the user sent',
  },
  {
    name: 'idx_transactions_receiver_created_status',
    on: 'transactions (receiver_id, created_at desc, id desc, status)',
    comment: 'history, the half that the user received',
  },
  {
    name: 'idx_transactions_sender_status_amount',
    on: 'transactions (sender_id, status, amount)',
    comment: 'reconciliation and pending sum: what a user has sent, by status, from the index alone',
  },
  {
    name: 'idx_transactions_receiver_status_amount',
    on: 'transactions (receiver_id, status, amount)',
    comment: 'reconciliation: what a user has received, by status, from the index alone',
  },
  {
    name: 'idx_tokens_user_status_amount',
    on: 'tokens (user_id, status, amount)',
    comment: 'token sums by status; a user’s tokens of one status',
  },
  {
    name: 'idx_tokens_user_id',
    on: 'tokens (user_id, id desc)',
    comment: 'a user’s tokens, newest first, page by page',
  },
  {
    name: 'idx_users_active_created',
    on: 'users (is_active, created_at desc)',
    comment: 'active users, newest first: warming and the operator’s list',
  },
  {
    name: 'idx_transactions_active_sender',
    on: "transactions (sender_id, created_at desc) where status in ('pending', 'completed')",
    comment: 'a user’s live outgoing transactions; dunlin: keep (demanded by name)',
  },
  {
    name: 'idx_tokens_active_user',
    on: "tokens (user_id, expires_at) include (amount) where status = 'active'",
    comment: 'the offline half of the balance, from the index alone',
  },
  {
    name: 'idx_tokens_pending_expiration',
    on: "tokens (expires_at) where status = 'active'",
    comment: 'the expiry sweep',
  },
];

export const up = (pgm: MigrationBuilder): void => {
  pgm.noTransaction();
  for (const index of indexes) {
    pgm.sql(dropWhenInvalid(index.name));
    pgm.sql(`create index concurrently if not exists ${index.name} on ${index.on}`);
    pgm.sql(`comment on index ${index.name} is '${index.comment}'`);
  }
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.noTransaction();
  for (const index of [...indexes].reverse()) pgm.sql(`drop index concurrently if exists ${index.name}`);
};

/** DROP INDEX CONCURRENTLY cannot run in a DO block; a plain drop of an invalid index that nothing reads is short. */
function dropWhenInvalid(name: string): string {
  return `
    do $$ begin
      if exists (select 1 from pg_index where indexrelid = to_regclass('${name}') and not indisvalid) then
        drop index ${name};
      end if;
    end $$`;
}
