-- `freeswitch`: what belongs to no call.
local m = ...
local functions = {}
m.functions = functions

-- What most scripts do not need is loaded by its name.
local PARTS = {
  Event = "event", EventConsumer = "event", API = "classes", JSON = "classes", Stream = "classes",
  DTMF = "classes",
}
freeswitch = setmetatable({}, m.class("freeswitch", functions, nil, function(key)
  if PARTS[key] then return PARTS[key] end
  -- a typo: the nearest name may be in any part
  m.load("event")
  return "classes"
end))

function functions.consoleLog(level, text)
  m.console(m.text("consoleLog", 1, level), m.text("consoleLog", 2, text))
end
functions.console_log = functions.consoleLog

function functions.consoleLog2(level, file, f, line, text)
  m.console(m.text("consoleLog2", 1, level), m.text("consoleLog2", 5, text))
end
functions.console_log2 = functions.consoleLog2

function functions.consoleCleanLog(text)
  m.console("info", m.text("consoleCleanLog", 1, text))
end
functions.console_clean_log = functions.consoleCleanLog

function functions.msleep(time)
  genesis.sleep(math.max(0, m.number("msleep", 1, time)) / 1000)
end

function functions.running() return true end

function functions.getGlobalVariable(name)
  name = m.text("getGlobalVariable", 1, name)
  local value = name and name ~= "" and m.api(nil, "global_getvar " .. name) or ""
  if value == "" or value:sub(1, 4) == "-ERR" then return nil end
  return value
end

function functions.setGlobalVariable(name, value)
  name, value = m.text("setGlobalVariable", 1, name), m.text("setGlobalVariable", 2, value)
  if name and name ~= "" then m.api(nil, "global_setvar " .. name .. "=" .. (value or "")) end
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

-- Runs when the file has: the dialplan goes on with the call, unless it is to be hung up.
return function()
  local s = m.own
  if not s.leg then
    if m.destroyed then m.resume(m.leg) end
    return
  end
  if m.is_over(s) then return m.hook(s) end
  m.loud(s)
  if s.hangs_up then
    m.hangup(s.leg, "NORMAL_CLEARING")
    m.hook(s)
  else
    m.resume(s.leg)
  end
end
