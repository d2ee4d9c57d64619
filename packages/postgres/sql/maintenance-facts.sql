-- Health of every table: dead rows against the point at which autovacuum acts, rows changed since ANALYZE, and age.
WITH settings AS (
  SELECT current_setting('autovacuum')::bool AS enabled,
         current_setting('autovacuum_vacuum_threshold')::float8 AS vacuum_threshold,
         current_setting('autovacuum_vacuum_scale_factor')::float8 AS vacuum_share,
         current_setting('autovacuum_analyze_threshold')::float8 AS analyze_threshold,
         current_setting('autovacuum_analyze_scale_factor')::float8 AS analyze_share,
         current_setting('autovacuum_freeze_max_age')::float8 AS freeze_max_age
)
SELECT n.nspname AS schema,
       c.relname AS "table",
       pg_total_relation_size(c.oid)::float8 AS size_bytes,
       greatest(s.n_live_tup, c.reltuples, 0)::float8 AS live_rows,
       s.n_dead_tup::float8 AS dead_rows,
       s.n_mod_since_analyze::float8 AS changed_rows,
       g.enabled AND NOT coalesce('autovacuum_enabled=false' = ANY (c.reloptions), false)
                 AND NOT coalesce('autovacuum_enabled=off' = ANY (c.reloptions), false) AS autovacuum_enabled,
       g.vacuum_threshold + g.vacuum_share * greatest(c.reltuples, 0) AS vacuum_at,
       g.analyze_threshold + g.analyze_share * greatest(c.reltuples, 0) AS analyze_at,
       age(c.relfrozenxid)::float8 AS age_transactions,
       g.freeze_max_age AS freeze_max_age,
       greatest(s.last_vacuum, s.last_autovacuum) AS last_vacuum,
       greatest(s.last_analyze, s.last_autoanalyze) AS last_analyze,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_has_role(c.relowner, 'MEMBER') AS may_maintain
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_stat_user_tables s ON s.relid = c.oid
 CROSS JOIN settings g
 WHERE c.relkind IN ('r', 'm')
 ORDER BY s.n_dead_tup DESC
 LIMIT 1000
