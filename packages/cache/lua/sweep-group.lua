#!lua flags=allow-oom
-- Removes one step's worth of a group's members. The group's generation was deleted before, so none of them answers any more;
-- this frees their memory and counts them.
-- KEYS: index
-- ARGV: cursor, step, prefix of the entries' Redis keys, group
local page = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local removed = 0
for _, key in ipairs(page[2]) do
  if string.sub(key, 1, #ARGV[4]) == ARGV[4] then
    removed = removed + redis.call('UNLINK', ARGV[3] .. key)
    redis.call('SREM', KEYS[1], key)
  end
end
return { page[1], removed }
