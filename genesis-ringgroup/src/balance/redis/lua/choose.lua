-- Chooses the least loaded of ARGV[5..] and counts a call for it. Gives its place, from 1.
local lease, member, id, remembered = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local first = 5
alive(member, lease)
reap()

-- asked again, because the answer was lost
local _, _, counted = read(id)
if counted then
  for place = first, #ARGV do
    if ARGV[place] == counted then
      return place - first + 1
    end
  end
end

local least, tied
for from = first, #ARGV, 1000 do
  local upto = math.min(from + 999, #ARGV)
  local found = redis.call('HMGET', counts, unpack(ARGV, from, upto))
  for place = from, upto do
    local count = tonumber(found[place - from + 1] or 0)
    if not least or count < least then
      least, tied = count, { place }
    elseif count == least then
      tied[#tied + 1] = place
    end
  end
end

local best = tied[1]
if #tied > 1 then
  local longest_ago
  for _, place in ipairs(tied) do
    local last = tonumber(redis.call('ZSCORE', chosen, ARGV[place]) or 0)
    if not longest_ago or last < longest_ago then
      longest_ago, best = last, place
    end
  end
end

add(id, member, '', ARGV[best])
local newest = redis.call('ZREVRANGE', chosen, 0, 0, 'WITHSCORES')
redis.call('ZADD', chosen, tonumber(newest[2] or 0) + 1, ARGV[best])
redis.call('ZREMRANGEBYRANK', chosen, 0, -remembered - 1)
keep(lease)
return best - first + 1
