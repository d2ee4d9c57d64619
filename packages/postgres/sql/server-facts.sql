-- The settings and extensions that the advice depends on.
SELECT current_setting('server_version_num')::int AS version,
       pg_size_bytes(current_setting('work_mem')) AS work_mem_bytes,
       current_setting('random_page_cost')::float8 AS random_page_cost,
       EXISTS (SELECT FROM pg_extension WHERE extname = 'hypopg') AS has_hypopg,
       EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')
         AND current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%' AS has_statement_counters,
       (SELECT extract(epoch FROM now() - coalesce(stats_reset, pg_postmaster_start_time()))::float8
          FROM pg_stat_database WHERE datname = current_database()) AS statistics_age_seconds
