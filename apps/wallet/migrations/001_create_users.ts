import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * The people who hold an account, and the operators.
 *
 * Ids are UUIDs of version 7, made by the wallet (PostgreSQL 15 has no function for them), so that the primary key grows
 * at its end. Addresses are stored normalised; the index on `lower(email)` is the guard that no code path can go around.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    create table users (
      id uuid primary key,
      email text not null constraint users_email_length check (length(email) between 3 and 254),
      password_hash text not null,
      role text not null default 'user' constraint users_role_known check (role in ('user', 'operator')),
      is_active boolean not null default true,
      frozen_at timestamptz(3),
      created_at timestamptz(3) not null default now()
    );
    create unique index users_email_key on users (lower(email));
    comment on column users.frozen_at is 'since when the account may read but not move money; null while it may do both';
  `);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql('drop table users;');
};
