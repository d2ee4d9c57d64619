-- Size and traffic of the tables that belong to the application.
SELECT n.nspname AS schema,
       c.relname AS "table",
       greatest(c.reltuples, s.n_live_tup, 0)::float8 AS rows,
       greatest(c.relpages, pg_relation_size(c.oid) / current_setting('block_size')::int)::float8 AS pages,
       greatest(c.relallvisible, 0)::float8 AS visible_pages,
       s.seq_scan::float8 AS sequential_scans,
       coalesce(s.idx_scan, 0)::float8 AS index_scans,
       s.n_tup_ins::float8 AS inserts,
       s.n_tup_upd::float8 AS updates,
       s.n_tup_hot_upd::float8 AS hot_updates,
       s.n_tup_del::float8 AS deletes
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_stat_user_tables s ON s.relid = c.oid
 WHERE c.relkind IN ('r', 'm')
 ORDER BY c.reltuples DESC
 LIMIT 1000
