-- Renews a member's lease, and compares: how many calls it knows that it owns, the sum of their
-- numbers, its newest id, and the ids that it cannot be sure of. Gives whether Redis knows the same,
-- and how many dead members have calls to adopt.
local lease, member, watches = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local count, sum, newest = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
alive(member, lease, watches)
reap()
local here = redis.call('ZLEXCOUNT', owned, '[' .. member .. ' ', '(' .. member .. '!')
local total = tonumber(redis.call('HGET', sums, member) or 0)
local own_ids = member .. ' ' .. member
-- what was counted since it spoke; a dot follows the dash of an id
for _, held in ipairs(redis.call('ZRANGEBYLEX', owned, '(' .. member .. ' ' .. newest, '(' .. own_ids .. '.')) do
  here, total = here - 1, total - number_of(held)
end
for place = 7, #ARGV do
  if read(ARGV[place]) == member then
    here, total = here - 1, total - number_of(ARGV[place])
  end
end
keep(lease)
return { here == count and total == sum and 1 or 0, redis.call('ZCARD', dead) }
