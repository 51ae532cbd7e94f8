-- `session`: what most scripts do while they wait.
local m = ...
local methods, enter, is_over = m.methods, m.enter, m.is_over

function methods:streamFile(file, start)
  local s = enter(self, "streamFile")
  if not s then return -1 end
  file = m.text("CoreSession::streamFile", 2, file)
  start = m.number("CoreSession::streamFile", 3, start, 0)
  if not file then return 0 end
  if start > 0 then file = file .. "@@" .. start end
  m.quiet(s)
  local what, response = m.run(s, "playback", file, { file = true })
  return what == "done" and response == "FILE PLAYED" and 1 or 0
end

function methods:sleep(time)
  local s = enter(self, "sleep")
  if not s then return -1 end
  time = m.number("CoreSession::sleep", 2, time)
  m.hook(s)
  if is_over(s) then return 1 end
  local has_media = m.look(s.leg, "media")
  local what = m.wait(s, nil, math.max(0, time), {})
  m.hook(s)
  return (what == "timeout" or what == "over" and not has_media) and 1 or 0
end
