-- The calls of these ids ended, whoever owns them by now.
local removed = 0
for _, id in ipairs(ARGV) do
  removed = removed + remove(id)
end
return removed
