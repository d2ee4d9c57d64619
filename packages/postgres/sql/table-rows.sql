-- How many rows the planner believes each table to have, and what a sort may use.
SELECT n.nspname || '.' || c.relname AS name,
       greatest(c.reltuples, 0)::float8 AS rows,
       pg_size_bytes(current_setting('work_mem')) AS work_mem_bytes
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND n.nspname NOT LIKE 'pg_toast%'
 ORDER BY c.reltuples DESC
 LIMIT 1000
