-- `freeswitch`: what belongs to no call.
local m = ...
local functions = {}
m.functions = functions

-- What most scripts do not need is loaded by its name.
local PARTS = {
  Event = "event", EventConsumer = "event", API = "classes", JSON = "classes", Stream = "classes",
  DTMF = "classes", Session = "more", bridge = "more",
}
freeswitch = setmetatable({}, m.class("freeswitch", functions, nil, function(key)
  if PARTS[key] then return PARTS[key] end
  -- a typo: the nearest name may be in any part
  m.load("event")
  m.load("more")
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
