-- A call of a member that will not hear of its end: another member has it from now on, of which nobody
-- ever hears again. So it is treated as the calls of a process that died. Gives whether it was counted.
local lease, member, nobody, id = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local owner, uuid, destination = read(id)
if owner ~= member then
  return 0
end
alive(nobody, lease, '')
hand_over(id, member, nobody, uuid, destination)
keep(lease)
return 1
