/**
 * Publishes that accounts changed: of each its balance, which carries the account's version, and every page of its history.
 *
 * A wallet alone is the usual case, and there the names of the keys would be built for nobody. So the leases are looked at first, by the
 * same rule as in `cache_publish`: under its lock, which is held until the commit, and by a statement of its own, whose snapshot begins after
 * the lock was granted. A lease that begins later waits for the lock, and reads what this transaction committed. Where statements have no snapshots
 * of their own the look proves nothing, and `cache_publish` refuses.
 */
export const publishAccountChanges = `
  create or replace function publish_account_changes(p_writer text, p_accounts uuid[], p_versions bigint[]) returns jsonb language plpgsql as $$
  begin
    if cardinality(p_accounts) = 0 then
      return null;
    end if;
    perform pg_advisory_xact_lock_shared(cache_lock_key());
    if current_setting('transaction_isolation') = 'read committed'
       and not exists (select from cache_instances where instance is distinct from p_writer) then
      return null;
    end if;
    return cache_publish(
      coalesce(p_writer, ''),
      array(select 'user:' || id || ':balance' from unnest(p_accounts) with ordinality as a (id, at) order by at)
        || array(select 'user:' || id || ':history:*' from unnest(p_accounts) with ordinality as a (id, at) order by at),
      p_versions || array_fill(null::bigint, array[cardinality(p_accounts)]),
      null);
  end $$;
`;
