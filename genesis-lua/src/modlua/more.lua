-- `session` and `freeswitch`: what fewer scripts need. Input callbacks, calls that the script makes.
local m = ...
local methods, functions, enter, look, is_over = m.methods, m.functions, m.enter, m.look, m.is_over

-- What the input callback gave, as switch_ivr_process_fh reads it: true goes on.
local FILE = { "speed", "volume", "pause", "stop", "truncate", "restart", "seek" }
local GOES_ON = { speed = ":", volume = ":", pause = "", restart = "", seek = "" }
function m.process(s, command, has_file)
  if command == "" then return true end
  if has_file then
    local lower = command:lower()
    for _, word in ipairs(FILE) do
      local is_word = word == lower
      if word == "speed" or word == "volume" or word == "seek" then
        is_word = lower:sub(1, #word) == word
      end
      if is_word then
        local goes_on = GOES_ON[word] and (GOES_ON[word] == "" or command:find(":", 1, true) ~= nil)
        if goes_on or word == "stop" or word == "truncate" then
          local told = m.api(s.leg, "uuid_fileman " .. s.uuid .. " " .. command)
          if told and told:sub(1, 4) == "-ERR" then m.log(1, command .. ": " .. told) end
        end
        return goes_on
      end
    end
  end
  return command == "true" or command == "undefined"
end

function m.input(s, kind, object, has_file)
  local f = _G[s.callback]
  local ok, value = false, nil
  s.in_callback = true
  if f == nil then
    m.log(1, ("setInputCallback: there is no global function '%s'"):format(s.callback))
  elseif s.callback_argument and s.callback_argument ~= "" then
    ok, value = m.protected(f, s.object, kind, object, _G[s.callback_argument])
  else
    ok, value = m.protected(f, s.object, kind, object)
  end
  s.in_callback = false
  if not ok then value = "SCRIPT_ERROR" end
  if type(value) ~= "string" and type(value) ~= "number" then return true end
  return m.process(s, tostring(value), has_file)
end

function methods:preAnswer()
  local s = enter(self, "preAnswer")
  if not s then return -1 end
  return m.run(s, "pre_answer", "", { deaf = true }) == "done" and 1 or 0
end

function methods:mediaReady()
  local s = enter(self, "mediaReady")
  return s ~= nil and look(s.leg, "media")
end

function methods:bridged()
  local s = enter(self, "bridged")
  if not s or is_over(s) then return false end
  -- the switch has this variable only while two are bridged
  return s.is_bridged or m.get_variable(s.leg, "bridge_to") ~= nil
end

function methods:hangupState()
  local s = enter(self, "hangupState")
  if s then m.hook(s) end
end

function methods:transfer(extension, dialplan, context)
  local s = enter(self, "transfer")
  if not s then return -1 end
  extension = m.text("CoreSession::transfer", 2, extension)
  dialplan = m.text("CoreSession::transfer", 3, dialplan)
  context = m.text("CoreSession::transfer", 4, context)
  m.hook(s)
  if not extension or is_over(s) then return 0 end
  m.loud(s)
  -- the switch reads a context only after a dialplan
  if context and not dialplan then dialplan = "XML" end
  local ok, why = m.transfer(s.leg, extension, dialplan, context)
  if ok then
    s.transferred = true
  elseif why ~= "over" then
    m.log(1, "transfer: " .. tostring(why))
  end
  m.hook(s)
  return ok and 1 or 0
end

function methods:setInputCallback(name, argument)
  local s = enter(self, "setInputCallback")
  if not s then return end
  s.callback = m.text("Session::setInputCallback", 2, name)
  s.callback_argument = m.text("Session::setInputCallback", 3, argument)
end

function methods:unsetInputCallback()
  local s = enter(self, "unsetInputCallback")
  if s then s.callback, s.callback_argument = nil, nil end
end

-- 0 is success here, as in mod_lua.
function methods:originate(caller, dial, time)
  local s = m.states[self]
  if not s then error("originate is a method: call it with a colon, session:originate(…)", 2) end
  dial = m.text("Session::originate", 3, dial)
  time = m.number("Session::originate", 4, time, 60)
  if not dial or dial == "" then
    m.log(1, "Missing destination.")
    return 0
  end
  return m.call(s, caller and m.states[caller], dial, time) and 0 or 1
end

function methods:waitForAnswer()
  local s = enter(self, "waitForAnswer")
  if s and not is_over(s) then m.wait_for_answer(s.leg) end
end

function methods:sendEvent(event)
  local s = enter(self, "sendEvent")
  m.load("event")
  if s then table.insert(s.events, m.copy_event(event)) end
end

function methods:flushEvents()
  local s = enter(self, "flushEvents")
  if not s then return -1 end
  s.events = {}
  return 0
end

function methods:flushDigits()
  local s = enter(self, "flushDigits")
  if not s then return -1 end
  m.take(s.leg)
  if not is_over(s) then m.api(s.leg, "uuid_flush_dtmf " .. s.uuid) end
  return 0
end

function methods:begin_allow_threads()
  local s = m.states[self]
  if s then m.hook(s) end
  return true
end
methods.end_allow_threads = methods.begin_allow_threads

function methods:consoleLog2(level, file, f, line, text)
  m.console(m.text("CoreSession::consoleLog2", 2, level), m.text("CoreSession::consoleLog2", 6, text))
end

-- Calls; false when nobody answers.
function m.call(s, caller, dial, seconds)
  if caller then m.hook(caller) end
  local leg, cause, why = m.originate(dial, seconds * 1000, caller and caller.leg)
  if caller then m.hook(caller) end
  if not leg then
    s.cause = cause
    m.log(2, ("Error Creating Outgoing Channel! [%s] %s"):format(dial, why or cause))
    return false
  end
  s.cause, s.made = "SUCCESS", true
  m.adopt(s, leg)
  return true
end

-- The Unique-ID of a call that is up, or a dial string.
function functions.Session(dial, caller)
  dial = m.text("Session::Session", 1, dial)
  if not dial then return m.session() end
  if not dial:find("/", 1, true) then
    local known = _G[dial] and m.states[_G[dial]]
    local leg = known and known.leg or m.attach(dial)
    if leg then return m.session(leg) end
  end
  local session = m.session(nil, "DESTINATION_OUT_OF_ORDER")
  m.call(m.states[session], caller and m.states[caller], dial, 60)
  return session
end

function functions.bridge(first, second)
  local a, b = m.states[first], m.states[second]
  if not a or not b then error("freeswitch.bridge: two sessions are needed", 2) end
  m.hook(a)
  if not a.leg or not b.leg or m.is_over(a) or m.is_over(b) then
    m.log(1, "Channels not ready")
    return
  end
  if not m.look(a.leg, "media") then m.run(a, "pre_answer", "", { deaf = true }) end
  m.loud(a)
  m.loud(b)
  -- both are the script's again when they part
  m.set_variable(a.leg, "park_after_bridge", "true")
  m.set_variable(b.leg, "park_after_bridge", "true")
  local running, why = m.bridge(a.leg, b.leg)
  if running then
    a.is_bridged, b.is_bridged = true, true
    m.wait(a, running, nil, { stop = "uuid_park" })
    a.is_bridged, b.is_bridged = nil, nil
    m.take(a.leg)
    m.take(b.leg)
  elseif why ~= "over" then
    m.log(1, "bridge: " .. tostring(why))
  end
  for _, s in ipairs { a, b } do
    if not m.is_over(s) then m.set_variable(s.leg, "park_after_bridge", nil) end
  end
  m.hook(a)
end
