-- What ANALYZE knows of the columns of the given tables ($1, as schema.table): how wide, how many distinct values (as a
-- number, never as a share), and the most common values with their shares where there are at most 20 distinct ones,
-- which is when a value may be the predicate of a partial index.
SELECT n.nspname AS schema,
       c.relname AS "table",
       a.attname AS "column",
       format_type(a.atttypid, NULL) AS type,
       coalesce(s.avg_width, 8)::float8 AS width_bytes,
       CASE WHEN s.n_distinct IS NULL THEN NULL
            WHEN s.n_distinct < 0 THEN greatest(1, -s.n_distinct * greatest(c.reltuples, 1))::float8
            ELSE greatest(1, s.n_distinct)::float8 END AS distinct_values,
       coalesce(s.null_frac, 0)::float8 AS null_share,
       greatest(c.reltuples, 1)::float8 AS rows,
       coalesce(l.collname IN ('C', 'POSIX', 'ucs_basic')
                OR l.collname = 'default' AND (d.datlocprovider = 'b' OR d.datlocprovider = 'c' AND d.datcollate IN ('C', 'POSIX')),
                false) AS orders_by_code,
       abs(coalesce(s.correlation, 0))::float8 AS correlation,
       CASE WHEN s.n_distinct BETWEEN 1 AND 20 THEN s.most_common_vals::text::text[] END AS common_values,
       CASE WHEN s.n_distinct BETWEEN 1 AND 20 THEN s.most_common_freqs::float8[] END AS common_shares
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_database d ON d.datname = current_database()
  LEFT JOIN pg_collation l ON l.oid = a.attcollation
  LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
 WHERE n.nspname || '.' || c.relname = ANY ($1::text[])
   AND a.attnum > 0
   AND NOT a.attisdropped
