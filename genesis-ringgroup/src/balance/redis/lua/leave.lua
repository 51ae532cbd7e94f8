-- A member ends. One that only counted has nothing left; calls that a watcher adopted wait until its
-- lease runs out, so that another watcher can have them.
local member, watches = ARGV[1], ARGV[2]
redis.call('HDEL', watching, member)
if watches ~= '1' then
  for _, id in ipairs(calls_of(member)) do
    remove(id)
  end
  redis.call('ZREM', members, member)
  forget(member)
end
return 1
