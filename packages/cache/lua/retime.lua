#!lua
-- Replaces an entry by the same one with other times, if it is still the one that was read.
-- KEYS: entry
-- ARGV: value read, value to put, px
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
