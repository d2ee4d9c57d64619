import type { MigrationBuilder } from 'node-pg-migrate';
import { accountsMoveByEntries } from './functions/accounts-move-by-entries.js';
import { ledgerExecute } from './functions/ledger-execute.js';
import { ledgerPost } from './functions/ledger-post.js';

/**
 * Holds, reversals, and who did what.
 *
 * - A hold is a pending transaction whose amount lies in the payer's `held`. Its row here closes once; the trigger refuses any way back.
 * - A reversal is a transfer that takes another one back; the primary key of `reversals` is what makes it happen once.
 * - A transaction carries who asked for it, from where and under which correlation id, so the money part of the audit log costs no row
 *   of its own. `acted_by` is empty where the payer (or, where nobody pays, the payee) asked, which keeps its index small.
 * - `audit_log` holds everything else. Neither table forgets: rows are never changed and never removed.
 * - A balance may only move by entries that are newer than the row's version, and by exactly their sum: before, a chain that began
 *   at a made-up balance would have passed.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(holds);
  pgm.sql(audit);
  pgm.sql(guards);
  // The functions gain parameters with defaults; an instance of the version before goes on calling them without.
  pgm.sql(`
    drop function if exists ledger_post(timestamptz, text, uuid[], text[], text[], uuid[], uuid[], bigint[], text[], jsonb[],
      int[], bigint[], uuid[], bigint[], bigint[], uuid[], bigint[], bigint[], bigint[]);
    drop function if exists ledger_execute(text, text, uuid[], text[], uuid[], int[], int[], bigint[], uuid[], text[], bytea[], text[], jsonb[], jsonb[]);
  `);
  pgm.sql(ledgerPost);
  pgm.sql(ledgerExecute);
};

/**
 * The functions stay, and so do the columns that they fill: both serve the version before as well. Money that lies in open holds would
 * be out of anybody's reach without their table, so those have to be closed first.
 */
export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    do $$ begin
      if exists (select 1 from holds where state = 'open') then
        raise exception 'holds are open: capture or release them, or let them lapse, before their table is taken away';
      end if;
    end $$;
    drop trigger accounts_move_by_entries on accounts;
    drop trigger accounts_are_kept on accounts;
    create trigger accounts_follow_entries after update on accounts referencing new table as changed
      for each statement execute function accounts_follow_entries();
    drop function accounts_move_by_entries();
    drop table audit_log, reversals, holds, sweep_turns;
    drop function holds_close_once();
  `);
};

const holds = `
  create table holds (
    transaction_id uuid primary key references transactions (id),
    binding boolean not null,
    state text not null default 'open' check (state in ('open', 'captured', 'released', 'lapsed')),
    expires_at timestamptz(3) not null,
    closed_at timestamptz(3),
    constraint holds_closed check ((state = 'open') = (closed_at is null))
  ) with (fillfactor = 80);
  create index idx_holds_open_expiration on holds (expires_at) where state = 'open';
  comment on column holds.binding is 'the payer cannot take it back before it expires';
  comment on index idx_holds_open_expiration is 'the sweep of lapsed holds';

  create function holds_close_once() returns trigger language plpgsql as $$
  begin
    if old.state <> 'open' or (new.transaction_id, new.binding, new.expires_at) is distinct from (old.transaction_id, old.binding, old.expires_at) then
      raise exception 'a hold is closed once and changes in nothing else'
        using errcode = 'integrity_constraint_violation', constraint = 'holds_close_once';
    end if;
    return new;
  end $$;
  create trigger holds_close_once before update on holds for each row execute function holds_close_once();
  create trigger holds_are_kept before delete or truncate on holds for each statement execute function entries_are_final();

  create table reversals (
    original_id uuid primary key references transactions (id),
    reversal_id uuid not null unique
  );
  create trigger reversals_are_final before update or delete or truncate on reversals
    for each statement execute function entries_are_final();

  create table sweep_turns (
    name text primary key,
    taken_at timestamptz not null
  );
  comment on table sweep_turns is 'when a sweep was last begun: one instance at a time takes the next turn';
`;

const audit = `
  alter table transactions
    add column if not exists acted_by uuid,
    add column if not exists acted_from inet,
    add column if not exists correlation_id text;
  create index if not exists idx_transactions_acted_by on transactions (acted_by, created_at desc, id desc) where acted_by is not null;
  comment on index idx_transactions_acted_by is 'audit: what an operator, or a receiver, did to the money of others';
  comment on column transactions.acted_by is 'who asked for it; empty where it was the payer, or the payee where nobody pays';

  create table audit_log (
    id uuid primary key,
    at timestamptz(3) not null default clock_timestamp(),
    action text not null check (length(action) between 1 and 100),
    actor_id uuid,
    user_id uuid,
    transaction_id uuid,
    detail jsonb,
    address inet,
    user_agent text check (length(user_agent) <= 300),
    correlation_id text check (length(correlation_id) <= 200)
  );
  create index idx_audit_log_actor on audit_log (actor_id, at desc, id desc) where actor_id is not null;
  create index idx_audit_log_user on audit_log (user_id, at desc, id desc) where user_id is not null;
  comment on index idx_audit_log_actor is 'audit: what somebody did';
  comment on index idx_audit_log_user is 'audit: what was done to somebody';
  comment on column audit_log.actor_id is 'who did it; empty for the wallet itself and for whoever is not signed in';
  comment on column audit_log.user_id is 'whom it concerns';
  create trigger audit_log_is_final before update or delete or truncate on audit_log
    for each statement execute function entries_are_final();
`;

const guards = `
  ${accountsMoveByEntries}
  drop trigger accounts_follow_entries on accounts;
  create trigger accounts_move_by_entries after update on accounts referencing old table as before new table as changed
    for each statement execute function accounts_move_by_entries();
  create trigger accounts_are_kept before delete or truncate on accounts
    for each statement execute function entries_are_final();

  create or replace function transactions_keep_their_money() returns trigger language plpgsql as $$
  begin
    if (new.id, new.type, new.sender_id, new.receiver_id, new.amount, new.currency, new.created_at, new.note, new.metadata, new.acted_by)
       is distinct from (old.id, old.type, old.sender_id, old.receiver_id, old.amount, old.currency, old.created_at, old.note, old.metadata, old.acted_by)
       or (old.status <> 'pending' and (new.status, new.completed_at) is distinct from (old.status, old.completed_at)) then
      raise exception 'a transaction changes in nothing but from pending to its final status'
        using errcode = 'integrity_constraint_violation', constraint = 'transactions_keep_their_money';
    end if;
    return new;
  end $$;
`;
