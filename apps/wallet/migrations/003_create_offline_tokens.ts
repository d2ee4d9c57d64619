import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * Offline tokens: each row is one signed token. A token is *out* while `status = 'active'`, and the issuer's float is the
 * sum of the tokens that are out. Every change of status happens under the lock of its owner's account row, so purchase,
 * redemption, division and refund of one owner's tokens are serial; the trigger refuses any way back from a final status.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    create table tokens (
      id uuid primary key,
      user_id uuid not null,
      amount bigint not null check (amount > 0),
      currency text not null,
      status text not null check (status in ('active', 'spent', 'redeemed', 'expired', 'divided')),
      key_id text not null,
      device_key_id text,
      parent_id uuid,
      opening_transaction_id uuid not null,
      closing_transaction_id uuid,
      issued_at timestamptz(3) not null,
      expires_at timestamptz(3) not null,
      closed_at timestamptz(3),
      compact text not null check (length(compact) <= 2048),
      constraint tokens_expire_after_issue check (expires_at > issued_at),
      constraint tokens_closed check ((status = 'active') = (closed_at is null))
    ) with (fillfactor = 80);
    create index idx_tokens_opening_transaction on tokens (opening_transaction_id);

    create function tokens_close_once() returns trigger language plpgsql as $$
    begin
      if old.status <> 'active' then
        raise exception 'a token reaches one final status once'
          using errcode = 'integrity_constraint_violation', constraint = 'tokens_close_once';
      end if;
      if (new.id, new.user_id, new.amount, new.currency, new.issued_at, new.expires_at, new.compact)
         is distinct from (old.id, old.user_id, old.amount, old.currency, old.issued_at, old.expires_at, old.compact) then
        raise exception 'a token changes in nothing but its status'
          using errcode = 'integrity_constraint_violation', constraint = 'tokens_close_once';
      end if;
      return new;
    end $$;
    create trigger tokens_close_once before update on tokens for each row execute function tokens_close_once();
    create trigger tokens_are_kept before delete or truncate on tokens
      for each statement execute function entries_are_final();
  `);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql('drop table tokens; drop function tokens_close_once();');
};
