-- Every index of the application's tables, with its keys in order. A key that is an expression is given as its text.
SELECT n.nspname AS schema,
       t.relname AS "table",
       i.relname AS name,
       m.amname AS method,
       x.indisunique AS is_unique,
       x.indisprimary OR EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid) AS is_constraint,
       x.indisreplident AS is_replica_identity,
       x.indisvalid AS is_valid,
       ARRAY(SELECT pg_get_indexdef(x.indexrelid, k, true)
               FROM generate_series(1, x.indnkeyatts) k ORDER BY k) AS keys,
       ARRAY(SELECT CASE WHEN (x.indoption[k - 1] & 1) = 1 THEN 'desc' ELSE 'asc' END
                    || CASE WHEN (x.indoption[k - 1] & 2) = 2 THEN ' nulls first' ELSE ' nulls last' END
               FROM generate_series(1, x.indnkeyatts) k ORDER BY k) AS directions,
       ARRAY(SELECT pg_get_indexdef(x.indexrelid, k, true)
               FROM generate_series(x.indnkeyatts + 1, x.indnatts) k ORDER BY k) AS included,
       x.indclass::text || ' ' || x.indcollation::text AS classes,
       pg_get_expr(x.indpred, x.indrelid) AS predicate,
       pg_relation_size(x.indexrelid)::float8 AS size_bytes,
       coalesce(s.idx_scan, 0)::float8 AS scans,
       pg_get_indexdef(x.indexrelid) AS definition,
       obj_description(x.indexrelid, 'pg_class') AS comment
  FROM pg_index x
  JOIN pg_class i ON i.oid = x.indexrelid
  JOIN pg_class t ON t.oid = x.indrelid
  JOIN pg_namespace n ON n.oid = t.relnamespace
  JOIN pg_am m ON m.oid = i.relam
  LEFT JOIN pg_stat_user_indexes s ON s.indexrelid = x.indexrelid
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND n.nspname NOT LIKE 'pg_toast%'
   AND t.relkind IN ('r', 'm')
 ORDER BY n.nspname, t.relname, i.relname
