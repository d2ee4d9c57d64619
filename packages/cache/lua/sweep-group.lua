#!lua flags=allow-oom
-- Removes one step's worth of a group's members. The group's generation was deleted before, so none of them answers any more;
-- this frees their memory and counts them. Removed by the hundred: a call for each would hold the other clients up five times as long.
-- KEYS: index
-- ARGV: cursor, step, prefix of the entries' Redis keys, group
local page = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local members, names = {}, {}
for _, key in ipairs(page[2]) do
  if string.sub(key, 1, #ARGV[4]) == ARGV[4] then
    members[#members + 1] = key
    names[#names + 1] = ARGV[3] .. key
  end
end
local removed = 0
for from = 1, #names, 100 do
  local to = math.min(from + 99, #names)
  removed = removed + redis.call('UNLINK', unpack(names, from, to))
  redis.call('SREM', KEYS[1], unpack(members, from, to))
end
return { page[1], removed }
