#!lua
-- Stores a loaded value only if nothing was invalidated since its claim: same fence, same generations, no higher version there, and
-- not so late that the client has long given up. Frees the lease and tells those who wait, whatever came of it.
-- KEYS: entry, fence, lease, index, generation of each group
-- ARGV: fence, lease token, generations, rest of the value, px, version, deadline (server ms), waiters' channel, key
if redis.call('GET', KEYS[3]) == ARGV[2] then redis.call('DEL', KEYS[3]) end
local function refused()
  redis.call('PUBLISH', ARGV[8], ARGV[9])
  return 0
end
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[7]) then return refused() end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return refused() end
local generations = {}
for at = 5, #KEYS do generations[#generations + 1] = redis.call('GET', KEYS[at]) or '' end
if table.concat(generations, ',') ~= ARGV[3] then return refused() end
if ARGV[6] ~= '' then
  local present = redis.call('GET', KEYS[1])
  local version = present and string.match(present, '^D1 [^;]*;[^;]*;[^;]*;[^;]*;(%d*);')
  if version and version ~= '' and tonumber(version) > tonumber(ARGV[6]) then return refused() end
end
redis.call('SET', KEYS[1], 'D1 ' .. ARGV[3] .. ';' .. ARGV[4], 'PX', ARGV[5])
redis.call('SADD', KEYS[4], ARGV[9])
if redis.call('PTTL', KEYS[4]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[4], ARGV[5]) end
for at = 5, #KEYS do redis.call('PEXPIRE', KEYS[at], ARGV[5], 'GT') end
redis.call('PUBLISH', ARGV[8], ARGV[9])
return 1
