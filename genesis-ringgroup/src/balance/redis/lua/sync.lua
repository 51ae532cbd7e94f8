-- Makes Redis know exactly the calls that a member knows: after Redis was away, lost data, or took
-- the member for dead. Per call: id, "own", "adopted" or "unsure", uuid, destination. Gives the ids
-- of adopted calls that belong to somebody else now.
local lease, member, watches, newest = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
alive(member, lease, watches)
reap()
local known, lost = {}, {}
for place = 5, #ARGV, 4 do
  local id, kind, uuid, destination = ARGV[place], ARGV[place + 1], ARGV[place + 2], ARGV[place + 3]
  known[id] = true
  if kind ~= 'unsure' then
    local owner, before = read(id)
    if not owner then
      add(id, member, uuid, destination)
    elseif owner ~= member then
      -- whoever made the call takes it back; who adopted it yields to the living
      if kind == 'own' or redis.call('ZSCORE', dead, owner) then
        hand_over(id, owner, member, uuid, destination)
      else
        lost[#lost + 1] = id
      end
    elseif before ~= uuid then
      write(id, member, uuid, destination)
    end
  end
end
for _, id in ipairs(calls_of(member)) do
  local newer = string.sub(id, 1, #member) == member and id > newest
  if not known[id] and not newer then
    remove(id)
  end
end
keep(lease)
return lost
