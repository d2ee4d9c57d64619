import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * Sessions: a row is a family of refresh tokens, of which one at a time is good. Only the SHA-256 of that one is kept, so whoever reads
 * the table can use nothing in it; a token of 256 random bits needs no slower hash.
 *
 * A user who is deactivated has no session any more. The trigger does it, so that no way of deactivating can forget it: it runs after the
 * row of the user is locked, and a new session is only made under a lock of that row, so none slips in between.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    create table sessions (
      id uuid primary key,
      user_id uuid not null constraint sessions_user_exists references users (id),
      token_hash bytea not null constraint sessions_token_hash_is_sha256 check (length(token_hash) = 32),
      generation integer not null default 1 constraint sessions_generation_positive check (generation > 0),
      created_at timestamptz(3) not null default now(),
      refreshed_at timestamptz(3) not null default now(),
      expires_at timestamptz(3) not null,
      ended_at timestamptz(3),
      ended_because text constraint sessions_end_known check (ended_because in ('logout', 'reuse', 'surplus', 'deactivation')),
      constraint sessions_end_fits check ((ended_at is null) = (ended_because is null))
    );
    create index sessions_of_user on sessions (user_id) where ended_at is null;
    create index sessions_expire on sessions (expires_at);
    create index sessions_ended on sessions (ended_at) where ended_at is not null;
    comment on column sessions.generation is 'which token of the family is the good one; the first is 1';
    comment on column sessions.expires_at is 'until when the good token can be used; each rotation puts it off';

    create function sessions_end_with_user() returns trigger language plpgsql as $$
    begin
      update sessions set ended_at = now(), ended_because = 'deactivation' where user_id = new.id and ended_at is null;
      return null;
    end $$;
    create trigger sessions_end_with_user after update of is_active on users
      for each row when (old.is_active and not new.is_active) execute function sessions_end_with_user();
  `);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    drop trigger sessions_end_with_user on users;
    drop function sessions_end_with_user();
    drop table sessions;
  `);
};
