-- `session`: the call itself.
local m = ...
local look, is_over = m.look, m.is_over
local methods = {}
m.methods = methods

local NONE = "session is not initalized"

-- The state of a session; nil when it has no call (any more).
local function enter(self, name)
  local s = m.states[self]
  if not s then error(name .. " is a method: call it with a colon, session:" .. name .. "(…)", 3) end
  if s.leg then return s end
  m.log(1, NONE)
end
m.enter = enter

-- The methods of media.lua.
local MEDIA = " recordFile say sayPhrase set_tts_params set_tts_parms speak getDigits collectDigits read playAndGetDigits playAndDetectSpeech "
local FIELDS = { uuid = "uuid", tts_name = "tts_name", voice_name = "voice_name" }
local meta = m.class("session", methods, function(self, key)
  local s = m.states[self]
  if not s then return nil end
  if key == "allocated" then return s.leg and 1 or 0 end
  return FIELDS[key] and s[FIELDS[key]]
end, function(key)
  if key == "streamFile" or key == "sleep" then return "play" end
  if type(key) == "string" and MEDIA:find(" " .. key .. " ", 1, true) then return "media" end
  -- a typo: the nearest name may be in any part
  m.load("more")
  if not methods[key] then m.load("play") m.load("media") end
  return "more"
end)
meta.__close = function(self) methods.destroy(self) end

-- A session with a leg, or with none and the cause why.
function m.session(leg, cause)
  local object = setmetatable({}, meta)
  m.states[object] = { object = object, events = {}, cause = cause }
  if leg then m.adopt(m.states[object], leg) end
  return object
end

function m.adopt(s, leg)
  s.leg, s.uuid = leg, look(leg, "uuid")
  _G[s.uuid] = s.object
end

function methods:get_uuid()
  local s = m.states[self]
  return s and s.uuid or "uninitialized"
end

function methods:answer()
  local s = enter(self, "answer")
  if not s then return -1 end
  return m.run(s, "answer", "", { deaf = true }) == "done" and 1 or 0
end

function methods:ready()
  local s = m.states[self]
  if not s or not s.leg then return false end
  local ready = not is_over(s)
  m.hook(s)
  return ready
end

function methods:answered()
  local s = enter(self, "answered")
  return s ~= nil and look(s.leg, "answered")
end

function methods:hangup(cause)
  local s = enter(self, "hangup")
  if not s then return end
  cause = m.text("CoreSession::hangup", 2, cause) or "normal_clearing"
  m.hook(s)
  if not is_over(s) then m.hangup(s.leg, cause) end
  m.hook(s)
end

function methods:hangupCause()
  local s = m.states[self]
  local ended = s and s.leg and look(s.leg, "cause")
  return ended or s and s.cause or "NONE"
end

function methods:getState()
  local s = m.states[self]
  return s and s.leg and look(s.leg, "state") or "ERROR"
end

function methods:setVariable(name, value)
  local s = enter(self, "setVariable")
  if not s then return end
  name = m.text("CoreSession::setVariable", 2, name)
  value = m.text("CoreSession::setVariable", 3, value)
  if not name or is_over(s) then return end
  m.line("setVariable: argument 1 (the name)", name)
  m.line(("setVariable: argument 2 (the value of %s)"):format(name), value,
    ", or set it with session:execute(\"set\", name .. \"=\" .. value)")
  if name == "playback_terminators" and s.is_quiet then
    s.terminators = value
    return
  end
  local ok, why = m.set_variable(s.leg, name, value)
  if not ok and why ~= "over" then m.log(1, "setVariable: " .. tostring(why)) end
end

function methods:getVariable(name)
  local s = enter(self, "getVariable")
  if not s then return "" end
  name = m.text("CoreSession::getVariable", 2, name)
  if not name then return nil end
  if name == "playback_terminators" and s.is_quiet then return s.terminators end
  if look(s.leg, "over") then return look(s.leg, "variable", name) end
  return m.get_variable(s.leg, name)
end

-- Applications that take digits out of the queue.
local EATS = {
  playback = true, endless_playback = true, loop_playback = true, say = true, phrase = true,
  speak = true, record = true, bridge = true, ivr = true, voicemail = true, conference = true,
  read = true, play_and_get_digits = true,
}
function methods:execute(application, data)
  local s = enter(self, "execute")
  if not s then return end
  application = m.text("CoreSession::execute", 2, application)
  data = m.text("CoreSession::execute", 3, data)
  if not application or application == "" then
    m.log(1, "No application specified")
    return
  end
  m.loud(s)
  m.run(s, application, data, { deaf = true, eats = EATS[application] })
end

function methods:setHangupHook(name, argument)
  local s = enter(self, "setHangupHook")
  if not s then return end
  s.hook = m.text("Session::setHangupHook", 2, name)
  argument = m.text("Session::setHangupHook", 3, argument)
  s.hook_argument = argument ~= "" and argument or nil
end

function methods:setAutoHangup(flag)
  local s = enter(self, "setAutoHangup")
  if not s then return -1 end
  if s == m.own then
    s.hangs_up = flag and true or false
  else
    m.keep(s.leg, not flag)
  end
  return 0
end

-- The own call goes on; one that the script has made is hung up.
function methods:destroy(message)
  local s = m.states[self]
  message = m.text("Session::destroy", 2, message)
  if s and s.leg then
    m.loud(s)
    if s.made and not s.kept and not is_over(s) then m.hangup(s.leg, "NORMAL_CLEARING") end
    if s == m.own then m.destroyed = true end
    _G[s.uuid] = nil
    s.leg, s.uuid, s.hook, s.callback = nil, nil, nil, nil
  end
  if message and message ~= "" then error(message, 0) end
end

function methods:consoleLog(level, text)
  m.console(m.text("CoreSession::consoleLog", 2, level), m.text("CoreSession::consoleLog", 3, text))
end

session = m.session(m.leg)
m.own = m.states[session]
argv = { [0] = m.script }
