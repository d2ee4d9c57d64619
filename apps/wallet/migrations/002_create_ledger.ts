import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * The ledger: accounts, transactions, entries, and what makes a write repeatable (idempotency keys, outside references).
 *
 * - An account's `balance` is the sum of its entries; `held` is the part that pending transactions have laid aside.
 * - The row is narrow and no index covers a column that changes, so every update stays on its page (HOT, fillfactor 50).
 * - World (where money enters and leaves) and issuer (what backs the tokens) are striped over 16 rows, so that no single
 *   row is hot; their balance is the sum over the stripes. The first start makes them, in the configured currency.
 * - The counters per type and status keep the totals of a history page cheap; the check on `transactions` names every
 *   combination that may exist, so no counter can be forgotten.
 * - Triggers keep what no code path may break: entries of a transaction sum to zero, entries are never changed, an
 *   account's balance is that of its last entry, and a transaction changes in nothing but its status.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(tables);
  pgm.sql(guards);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    drop table external_references, idempotency_keys, entries, transactions, accounts;
    drop function entries_balance(), entries_are_final(), accounts_follow_entries(), transactions_keep_their_money();
  `);
};

const tables = `
  create table accounts (
    id uuid primary key,
    kind text not null check (kind in ('user', 'world', 'issuer')),
    state text not null default 'open' check (state in ('open', 'frozen', 'closed')),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    balance bigint not null default 0,
    held bigint not null default 0 check (held >= 0),
    version bigint not null default 0,
    online_pending int not null default 0,
    online_completed int not null default 0,
    online_failed int not null default 0,
    online_cancelled int not null default 0,
    offline_completed int not null default 0,
    token_purchase_completed int not null default 0,
    token_redemption_completed int not null default 0,
    deposit_completed int not null default 0,
    withdrawal_completed int not null default 0,
    token_refund_completed int not null default 0,
    created_at timestamptz(3) not null default now(),
    constraint accounts_never_below_zero check (kind = 'world' or balance >= held)
  ) with (fillfactor = 50);

  create table transactions (
    id uuid primary key,
    type text not null check (type in ('online', 'offline', 'token_purchase', 'token_redemption', 'deposit', 'withdrawal', 'token_refund')),
    status text not null check (status in ('pending', 'completed', 'failed', 'cancelled')),
    sender_id uuid,
    receiver_id uuid,
    amount bigint not null check (amount > 0),
    currency text not null,
    note text check (length(note) <= 500),
    metadata jsonb,
    created_at timestamptz(3) not null,
    completed_at timestamptz(3),
    constraint transactions_have_a_party check (sender_id is not null or receiver_id is not null),
    constraint transactions_have_two_parties check (sender_id is distinct from receiver_id),
    constraint transactions_status_of_type check (type = 'online' or status = 'completed'),
    constraint transactions_completion check ((status = 'completed') = (completed_at is not null))
  ) with (fillfactor = 90);

  create table entries (
    account_id uuid not null,
    version bigint not null,
    transaction_id uuid not null,
    amount bigint not null check (amount <> 0),
    balance_before bigint not null,
    balance_after bigint not null,
    created_at timestamptz(3) not null,
    primary key (account_id, version),
    constraint entries_add_up check (balance_before + amount = balance_after)
  );

  create table idempotency_keys (
    principal_id uuid not null,
    key text not null check (length(key) between 1 and 255),
    request_hash bytea not null,
    outcome text not null,
    transaction_id uuid,
    detail jsonb,
    created_at timestamptz(3) not null,
    primary key (principal_id, key)
  );
  create index idx_idempotency_keys_created on idempotency_keys using brin (created_at);

  create table external_references (
    kind text not null check (kind in ('deposit', 'withdrawal')),
    reference text not null check (length(reference) between 1 and 200),
    transaction_id uuid not null,
    primary key (kind, reference)
  );
`;

const guards = `
  create function entries_balance() returns trigger language plpgsql as $$
  begin
    if exists (select 1 from added group by transaction_id having sum(amount) <> 0) then
      raise exception 'the entries of a transaction must sum to zero and be written by one statement'
        using errcode = 'integrity_constraint_violation', constraint = 'entries_balance';
    end if;
    return null;
  end $$;
  create trigger entries_balance after insert on entries referencing new table as added
    for each statement execute function entries_balance();

  create function entries_are_final() returns trigger language plpgsql as $$
  begin
    raise exception '% on % is not allowed: what is posted stays posted', tg_op, tg_table_name
      using errcode = 'integrity_constraint_violation', constraint = 'entries_are_final';
  end $$;
  create trigger entries_are_final before update or delete or truncate on entries
    for each statement execute function entries_are_final();
  create trigger transactions_are_kept before delete or truncate on transactions
    for each statement execute function entries_are_final();

  create function accounts_follow_entries() returns trigger language plpgsql as $$
  begin
    if exists (
      select 1 from changed
       where balance <> coalesce((select balance_after from entries where account_id = changed.id order by entries.version desc limit 1), 0)
    ) then
      raise exception 'the balance of an account must be that of its last entry'
        using errcode = 'integrity_constraint_violation', constraint = 'accounts_follow_entries';
    end if;
    return null;
  end $$;
  create trigger accounts_follow_entries after update on accounts referencing new table as changed
    for each statement execute function accounts_follow_entries();
  create trigger accounts_start_empty after insert on accounts referencing new table as changed
    for each statement execute function accounts_follow_entries();

  create function transactions_keep_their_money() returns trigger language plpgsql as $$
  begin
    if (new.id, new.type, new.sender_id, new.receiver_id, new.amount, new.currency, new.created_at)
       is distinct from (old.id, old.type, old.sender_id, old.receiver_id, old.amount, old.currency, old.created_at)
       or (old.status <> 'pending' and new.status <> old.status) then
      raise exception 'a transaction changes in nothing but from pending to its final status'
        using errcode = 'integrity_constraint_violation', constraint = 'transactions_keep_their_money';
    end if;
    return new;
  end $$;
  create trigger transactions_keep_their_money before update on transactions
    for each row execute function transactions_keep_their_money();
`;
