#!lua
-- Reads an entry and, in the same step, takes what a fill needs: the fence, the generations, and the load's lease if it is free.
-- Atomic on one slot: an invalidation is either before all of it or after all of it.
-- KEYS: entry, fence, lease, generation of each group
-- ARGV: nonce, fence ttl ms, lease token, lease ms, generation ttl ms, generations of the tags
local entry = redis.call('GET', KEYS[1])
local fence = redis.call('GET', KEYS[2])
if not fence then
  fence = ARGV[1]
  redis.call('SET', KEYS[2], fence, 'PX', ARGV[2])
else
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
local generations = {}
for at = 4, #KEYS do
  local generation = redis.call('GET', KEYS[at])
  if not generation then
    generation = ARGV[1] .. at
    redis.call('SET', KEYS[at], generation, 'PX', ARGV[5])
  else
    redis.call('PEXPIRE', KEYS[at], ARGV[5], 'GT')
  end
  generations[#generations + 1] = generation
end
-- A lease from before a group or a tag was invalidated binds nobody: whoever asks now must not wait for that load.
local stamps = table.concat(generations, ',')
local suffix = '|' .. stamps .. '|' .. ARGV[6]
local holder = redis.call('GET', KEYS[3])
local leader = 0
if not holder or string.sub(holder, -#suffix) ~= suffix then
  redis.call('SET', KEYS[3], ARGV[3] .. suffix, 'PX', ARGV[4])
  leader = 1
end
return { entry, fence, leader, redis.call('PTTL', KEYS[3]), stamps }
