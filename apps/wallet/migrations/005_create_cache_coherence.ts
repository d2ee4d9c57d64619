import { commitLogSchema } from '@dunlin/cache';
import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * The cache's commit log (tables and functions of @dunlin/cache), and the one place that knows which cache keys a changed
 * account makes stale: its balance, which carries the account's version, and every page of its history.
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
  `);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql('drop function publish_account_changes(text, uuid[], bigint[])');
  pgm.sql(commitLogSchema.down);
};
