import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * An access token that was out when its user was deactivated stays refused when the user is let back in. Each deactivation begins a new
 * generation, by whatever way it is done, and tokens carry the generation that they were issued in: no clock has a part in it.
 *
 * The version before issues tokens of the first generation to everybody; one who is let back in logs in again until it is gone.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    alter table users add column token_generation integer not null default 0;
    comment on column users.token_generation is 'access tokens of earlier ones are refused; each deactivation begins the next';

    create function users_begin_token_generation() returns trigger language plpgsql as $$
    begin
      new.token_generation := old.token_generation + 1;
      return new;
    end $$;
    create trigger users_begin_token_generation before update of is_active on users
      for each row when (old.is_active and not new.is_active) execute function users_begin_token_generation();
  `);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    drop trigger users_begin_token_generation on users;
    drop function users_begin_token_generation();
    alter table users drop column token_generation;
  `);
};
