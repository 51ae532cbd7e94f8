-- The call of this id is up under this Unique-ID. Gives 0 when the call is not known (any more).
local lease, id, uuid = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local owner, _, destination = read(id)
if not owner then
  return 0
end
write(id, owner, uuid, destination)
keep(lease)
return 1
