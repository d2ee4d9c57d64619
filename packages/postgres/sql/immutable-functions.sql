-- Which of the given names ($1) belong to functions that are immutable whatever they are called with.
SELECT p.proname AS name
  FROM pg_proc p
 WHERE p.proname = ANY ($1::text[])
 GROUP BY p.proname
HAVING bool_and(p.provolatile = 'i')
