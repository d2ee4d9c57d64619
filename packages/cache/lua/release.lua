#!lua flags=allow-oom
-- Gives a load's lease back without a value, and tells those who wait.
-- KEYS: lease
-- ARGV: lease token, waiters' channel, key
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
