#!lua flags=allow-oom
-- Removes an entry and voids every load of it under way: a later fill finds its fence gone.
-- KEYS: entry, fence, lease, index
-- ARGV: waiters' channel, key
local removed = redis.call('UNLINK', KEYS[1])
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('SREM', KEYS[4], ARGV[2])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return removed
