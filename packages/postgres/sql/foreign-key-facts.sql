-- The referencing columns of every foreign key: an index on them serves the deletes and key changes of the other side.
SELECT n.nspname AS schema,
       t.relname AS "table",
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (attnum, place)
               JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.place) AS columns
  FROM pg_constraint k
  JOIN pg_class t ON t.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = t.relnamespace
 WHERE k.contype = 'f'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
