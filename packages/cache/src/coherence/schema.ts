/**
 * Tables and functions of the commit log, for a migration of the caller's. `up` may be run again: it changes nothing
 * then. `down` removes everything; run it only when no instance uses the log.
 *
 * Everything hangs on one advisory lock, K (`cache_lock_key()`). A writer holds it *shared* from reading the leases until its
 * commit is visible; a renewal holds it *exclusively* from before it reads the log until its lease is visible. So a lease can
 * neither begin nor be prolonged between a writer's look at the leases and that writer's commit. PostgreSQL releases a
 * transaction's locks only after its effects became visible, which is what makes both halves true.
 * The argument in full: docs/decisions/0010-leases-in-the-database.md.
 */
export const commitLogSchema: { readonly up: string; readonly down: string } = {
  up: `
CREATE TABLE IF NOT EXISTS cache_instances (
  instance text PRIMARY KEY,
  epoch bigint NOT NULL,
  renewals bigint NOT NULL,
  applied bigint NOT NULL,
  lease_ms integer NOT NULL
);
COMMENT ON TABLE cache_instances IS 'One row for each cache instance that may hold a lease. No times: waiters count on their own monotonic clocks.';

CREATE TABLE IF NOT EXISTS cache_commits (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  writer text NOT NULL,
  keys text[] NOT NULL,
  versions bigint[],
  tags text[] NOT NULL
);
COMMENT ON TABLE cache_commits IS 'What committed transactions made stale, kept until every instance has applied it.';

CREATE OR REPLACE FUNCTION cache_lock_key() RETURNS bigint
  LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 4921347700431277 $$;

CREATE OR REPLACE FUNCTION cache_publish(p_writer text, p_keys text[], p_versions bigint[], p_tags text[])
  RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_peers jsonb;
  v_id bigint;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'cache_publish needs READ COMMITTED, the transaction is %', current_setting('transaction_isolation')
      USING ERRCODE = 'invalid_transaction_state';
  END IF;
  IF p_versions IS NOT NULL AND cardinality(p_versions) <> cardinality(p_keys) THEN
    RAISE EXCEPTION 'cache_publish needs one version for each key' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock_shared(cache_lock_key());
  SELECT jsonb_agg(jsonb_build_object('instance', instance, 'epoch', epoch::text, 'renewals', renewals,
      'applied', applied, 'leaseMs', lease_ms))
    INTO v_peers FROM cache_instances WHERE instance IS DISTINCT FROM p_writer;
  IF v_peers IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO cache_commits (writer, keys, versions, tags)
    VALUES (coalesce(p_writer, ''), coalesce(p_keys, '{}'), p_versions, coalesce(p_tags, '{}')) RETURNING id INTO v_id;
  RETURN jsonb_build_object('commitId', v_id, 'peers', v_peers);
END $$;

CREATE OR REPLACE FUNCTION cache_renew(
  p_instance text, p_epoch bigint, p_renewals bigint, p_applied bigint, p_lease_ms integer, p_wait_ms integer, p_limit integer)
  RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  v_held cache_instances%ROWTYPE;
  v_continuous boolean;
  v_closed bigint;
  v_commits jsonb;
  v_overflow boolean := false;
BEGIN
  -- A lease must be as durable as the money that was written in the belief that it did not exist.
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  -- While this waits for K, new writers queue behind it; so it gives up soon, and the instance does without its lease.
  PERFORM set_config('lock_timeout', p_wait_ms || 'ms', true);
  PERFORM pg_advisory_xact_lock(cache_lock_key());
  SELECT * INTO v_held FROM cache_instances WHERE instance = p_instance FOR UPDATE;
  SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO v_closed FROM cache_commits_id_seq;
  v_continuous := v_held.instance IS NOT NULL AND v_held.epoch = p_epoch
    AND v_held.renewals >= p_renewals AND p_applied <= v_closed;
  IF v_continuous THEN
    SELECT jsonb_agg(jsonb_build_object('id', id, 'writer', writer, 'keys', to_jsonb(keys),
        'versions', to_jsonb(versions), 'tags', to_jsonb(tags)) ORDER BY id)
      INTO v_commits
      FROM (SELECT * FROM cache_commits WHERE id > p_applied ORDER BY id LIMIT p_limit + 1) AS missed;
    IF jsonb_array_length(v_commits) > p_limit THEN
      v_overflow := true;
      v_commits := NULL;
    END IF;
  END IF;
  INSERT INTO cache_instances (instance, epoch, renewals, applied, lease_ms)
    VALUES (p_instance, p_epoch, p_renewals + 1, CASE WHEN v_continuous THEN p_applied ELSE v_closed END, p_lease_ms)
    ON CONFLICT (instance) DO UPDATE SET epoch = excluded.epoch, applied = excluded.applied, lease_ms = excluded.lease_ms,
      renewals = greatest(cache_instances.renewals, excluded.renewals - 1) + 1;
  RETURN jsonb_build_object(
    'continuous', v_continuous AND NOT v_overflow,
    'closed', v_closed,
    'commits', coalesce(v_commits, '[]'::jsonb),
    'renewals', (SELECT renewals FROM cache_instances WHERE instance = p_instance),
    'peers', (SELECT coalesce(jsonb_agg(jsonb_build_object('instance', instance, 'epoch', epoch::text, 'renewals', renewals,
        'applied', applied, 'leaseMs', lease_ms)), '[]'::jsonb) FROM cache_instances WHERE instance <> p_instance));
END $$;

CREATE OR REPLACE FUNCTION cache_expel(p_instance text, p_epoch bigint, p_renewals bigint) RETURNS boolean
  LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM cache_instances WHERE instance = p_instance AND epoch = p_epoch AND renewals = p_renewals;
  RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION cache_leave(p_instance text, p_epoch bigint) RETURNS void
  LANGUAGE sql AS $$ DELETE FROM cache_instances WHERE instance = p_instance AND epoch = p_epoch $$;

CREATE OR REPLACE FUNCTION cache_trim() RETURNS bigint
  LANGUAGE sql AS $$
  WITH gone AS (
    DELETE FROM cache_commits WHERE id <= (SELECT min(applied) FROM cache_instances) RETURNING 1
  ) SELECT count(*) FROM gone $$;
`,
  down: `
DROP FUNCTION IF EXISTS cache_trim();
DROP FUNCTION IF EXISTS cache_leave(text, bigint);
DROP FUNCTION IF EXISTS cache_expel(text, bigint, bigint);
DROP FUNCTION IF EXISTS cache_renew(text, bigint, bigint, bigint, integer, integer, integer);
DROP FUNCTION IF EXISTS cache_publish(text, text[], bigint[], text[]);
DROP FUNCTION IF EXISTS cache_lock_key();
DROP TABLE IF EXISTS cache_commits;
DROP TABLE IF EXISTS cache_instances;
`,
};
