import { commitLogSchema } from '@dunlin/cache';
import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * The cache's commit log (tables and functions of @dunlin/cache), and the one place that knows which cache keys a change
 * makes stale: of an account its balance, which carries the account's version, and every page of its history; of a user
 * what they may do; of a public key every page of the public keys. The last two are triggers, so no code path can forget
 * them; they publish for every instance, the writing one included. A change of a user's standing also reaches the ledger
 * account by the trigger, under its row lock, so a payment comes either before it or is refused.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(commitLogSchema.up);
  pgm.sql(`
    create function publish_account_changes(p_writer text, p_accounts uuid[], p_versions bigint[]) returns jsonb language sql volatile as $$
      select case when cardinality(p_accounts) > 0 then
        cache_publish(
          coalesce(p_writer, ''),
          array(select 'user:' || id || ':balance' from unnest(p_accounts) with ordinality as a (id, at) order by at)
            || array(select 'user:' || id || ':history:*' from unnest(p_accounts) with ordinality as a (id, at) order by at),
          p_versions || array_fill(null::bigint, array[cardinality(p_accounts)]),
          null)
      end
    $$;

    create function users_follow_up() returns trigger language plpgsql as $$
    begin
      update accounts set state = case when not new.is_active then 'closed' when new.frozen_at is not null then 'frozen' else 'open' end
       where id = new.id;
      perform cache_publish('', array['user:' || new.id || ':principal'], null, null);
      return null;
    end $$;
    create trigger users_follow_up after update of is_active, frozen_at, role on users
      for each row when (old.is_active <> new.is_active or old.frozen_at is distinct from new.frozen_at or old.role <> new.role)
      execute function users_follow_up();

    create function public_keys_changed() returns trigger language plpgsql as $$
    begin
      perform cache_publish('', array['public-keys:*'], null, null);
      return null;
    end $$;
    create trigger public_keys_changed after insert or update or delete on public_keys
      for each statement execute function public_keys_changed();
  `);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    drop trigger public_keys_changed on public_keys;
    drop trigger users_follow_up on users;
    drop function public_keys_changed(), users_follow_up(), publish_account_changes(text, uuid[], bigint[]);
  `);
  pgm.sql(commitLogSchema.down);
};
