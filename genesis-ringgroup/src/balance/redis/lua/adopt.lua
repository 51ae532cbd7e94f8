-- A watcher takes over calls of dead members: those of the given ids that nobody else took. Gives
-- their ids.
local lease, member = tonumber(ARGV[1]), ARGV[2]
alive(member, lease, '1')
local adopted = {}
for place = 3, #ARGV do
  local id = ARGV[place]
  local owner, uuid, destination = read(id)
  if owner == member then
    -- asked again, because the answer was lost
    adopted[#adopted + 1] = id
  elseif owner and redis.call('ZSCORE', dead, owner) then
    hand_over(id, owner, member, uuid, destination)
    adopted[#adopted + 1] = id
    if redis.call('ZLEXCOUNT', owned, '[' .. owner .. ' ', '(' .. owner .. '!') == 0 then
      forget(owner)
    end
  end
end
keep(lease)
return adopted
