import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * The wallet's own signing keys, wrapped by the master key, and the public-key database that devices keep a copy of.
 *
 * `public_keys.version` is a feed position: whoever has seen every row up to version V asks for what lies beyond V. That
 * only holds when versions become visible in their own order. A sequence alone does not give that: a transaction that took
 * 7 may commit after one that took 8, and a reader in between would skip 7 for good. So the trigger takes an advisory
 * lock before it draws a number and keeps it until the transaction ends; PostgreSQL makes a commit visible before it
 * releases the transaction's locks, hence whoever draws 8 does so when 7 can already be seen (or was rolled back).
 * The price is that transactions that touch keys commit one after another; keep them short.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    create table signing_keys (
      id text primary key,
      purpose text not null constraint signing_keys_purpose_known check (purpose in ('access_token', 'issuer')),
      algorithm text not null,
      wrapped_secret bytea not null,
      public_jwk jsonb,
      created_at timestamptz(3) not null default now(),
      retired_at timestamptz(3),
      not_after timestamptz(3),
      constraint signing_keys_algorithm_fits check (
        (purpose = 'access_token' and algorithm = 'HS256' and public_jwk is null)
        or (purpose = 'issuer' and algorithm = 'EdDSA' and public_jwk is not null)
      )
    );
    create unique index signing_keys_one_signs on signing_keys (purpose) where retired_at is null;
    comment on column signing_keys.retired_at is 'since when the key signs nothing new';
    comment on column signing_keys.not_after is 'until when the key still verifies; null means without end';

    create sequence public_key_versions as bigint;
    create table public_keys (
      id text primary key constraint public_keys_id_is_a_thumbprint check (length(id) = 43),
      type text not null constraint public_keys_type_known check (type in ('user', 'issuer')),
      user_id uuid constraint public_keys_user_exists references users (id),
      jwk jsonb not null,
      is_active boolean not null default true,
      created_at timestamptz(3) not null default now(),
      revoked_at timestamptz(3),
      version bigint not null constraint public_keys_version_key unique,
      constraint public_keys_owner_fits check ((type = 'user') = (user_id is not null)),
      constraint public_keys_revocation_fits check (is_active = (revoked_at is null))
    );
    create index public_keys_user_id on public_keys (user_id) where user_id is not null;
    alter sequence public_key_versions owned by public_keys.version;

    create function assign_public_key_version() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock(hashtextextended('dunlin.public_key_versions', 0));
      new.version := nextval('public_key_versions');
      return new;
    end
    $$;
    create trigger public_keys_assign_version before insert or update on public_keys
      for each row execute function assign_public_key_version();
  `);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    drop table public_keys;
    drop function assign_public_key_version();
    drop table signing_keys;
  `);
};
