#!lua
-- Stores a value that is true now, whatever was there: loads under way lose their fence and their lease.
-- KEYS: entry, fence, lease, index, generation of each group
-- ARGV: nonce, generation ttl ms, rest of the value, px, deadline (server ms), waiters' channel, key
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[5]) then return 0 end
redis.call('DEL', KEYS[2], KEYS[3])
local generations = {}
for at = 5, #KEYS do
  local generation = redis.call('GET', KEYS[at])
  if not generation then
    generation = ARGV[1] .. at
    redis.call('SET', KEYS[at], generation, 'PX', ARGV[2])
  else
    redis.call('PEXPIRE', KEYS[at], ARGV[2], 'GT')
  end
  generations[#generations + 1] = generation
end
redis.call('SET', KEYS[1], 'D1 ' .. table.concat(generations, ',') .. ';' .. ARGV[3], 'PX', ARGV[4])
redis.call('SADD', KEYS[4], ARGV[7])
if redis.call('PTTL', KEYS[4]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[4], ARGV[4]) end
redis.call('PUBLISH', ARGV[6], ARGV[7])
return 1
