#!lua
-- Reads a tag's generation, making one where there is none. A generation is random, so one that was evicted never comes back.
-- KEYS: generation
-- ARGV: nonce, ttl ms
local generation = redis.call('GET', KEYS[1])
if generation then
  redis.call('PEXPIRE', KEYS[1], ARGV[2], 'GT')
  return generation
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
