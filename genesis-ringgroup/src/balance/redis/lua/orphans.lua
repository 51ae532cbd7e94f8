-- Calls of dead members that are up, as id, uuid, destination; at most ARGV[1] of them.
reap()
local found, most = {}, tonumber(ARGV[1]) * 3
for _, member in ipairs(redis.call('ZRANGE', dead, 0, -1)) do
  for _, id in ipairs(calls_of(member)) do
    local _, uuid, destination = read(id)
    if uuid and #found < most then
      found[#found + 1] = id
      found[#found + 1] = uuid
      found[#found + 1] = destination
    end
  end
end
return found
