-- The counters of pg_stat_statements for this database, most time first. They are read and never reset.
SELECT s.queryid::text || ' ' || s.userid::text || ' ' || s.toplevel::text AS id,
       s.query,
       s.calls::float8 AS calls,
       s.total_exec_time AS total_ms,
       s.rows::float8 AS rows
  FROM pg_stat_statements s
 WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND s.query NOT LIKE '/* dunlin */%'
   AND s.query NOT LIKE '%/* dunlin */'
   AND s.query <> '<insufficient privilege>'
 ORDER BY s.total_exec_time DESC
 LIMIT 500
