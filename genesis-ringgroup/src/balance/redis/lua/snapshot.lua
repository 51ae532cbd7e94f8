-- How many destinations have calls, then destination and count of at most ARGV[1] of them.
reap()
local most = tonumber(ARGV[1])
local found = { redis.call('HLEN', counts) }
if found[1] <= most then
  for _, text in ipairs(redis.call('HGETALL', counts)) do
    found[#found + 1] = text
  end
  return found
end
local cursor = '0'
repeat
  local page = redis.call('HSCAN', counts, cursor, 'COUNT', 1000)
  cursor = page[1]
  for place = 1, #page[2] do
    if #found <= 2 * most then
      found[#found + 1] = page[2][place]
    end
  end
until cursor == '0' or #found > 2 * most
return found
