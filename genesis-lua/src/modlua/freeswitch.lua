-- `freeswitch`: what belongs to no call.
local m = ...
local functions, API, JSON, Stream = {}, {}, {}, {}
local api_meta, json_meta, stream_meta = m.class("API", API), m.class("JSON", JSON), m.class("Stream", Stream)
freeswitch = setmetatable({}, m.class("freeswitch", functions))

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
    local leg = m.attach(dial)
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
    m.wait(a, running, nil, { stop = "uuid_park" })
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

-- APIs.
function functions.API() return setmetatable({}, api_meta) end

local function api(command, argument)
  if not command or command == "" then
    m.log(1, "No application specified")
    return "-ERR No application specified"
  end
  if argument and argument ~= "" then command = command .. " " .. argument end
  local text, why = m.api(nil, command)
  if not text and why ~= "over" then m.log(1, command .. ": " .. tostring(why)) end
  return text or ""
end

function API:execute(command, argument)
  return api(m.text("API::execute", 2, command), m.text("API::execute", 3, argument))
end

function API:executeString(command)
  return api(m.text("API::executeString", 2, command))
end

function API:getTime() return tostring(m.epoch()) end

functions.Event, functions.EventConsumer = m.new_event, m.new_consumer

function functions.DTMF(digit, duration)
  duration = m.number("DTMF::DTMF", 2, duration, 2000)
  return { digit = (m.text("DTMF::DTMF", 1, digit) or ""):sub(1, 1), duration = duration ~= 0 and duration or 2000 }
end

-- A text that grows.
local streams = setmetatable({}, { __mode = "k" })
function functions.Stream()
  local stream = setmetatable({}, stream_meta)
  streams[stream] = {}
  return stream
end

function Stream:write(text)
  table.insert(streams[self], m.text("Stream::write", 2, text) or "")
end

function Stream:raw_write(text, length)
  text = m.text("Stream::raw_write", 2, text) or ""
  table.insert(streams[self], text:sub(1, m.number("Stream::raw_write", 3, length, #text)))
end

function Stream:get_data() return table.concat(streams[self]) end
function Stream:read() return nil, 0 end

-- JSON.
local settings = setmetatable({}, { __mode = "k" })
function functions.JSON()
  local json = setmetatable({}, json_meta)
  settings[json] = { empty_is_object = true, unformatted = false }
  return json
end

function JSON:encode(table)
  local s = settings[self]
  if type(table) ~= "table" then
    error(("bad argument #2 to 'encode' (table expected, got %s)"):format(type(table)), 2)
  end
  return m.json_encode(table, s.empty_is_object, s.unformatted)
end

function JSON:decode(text)
  text = m.text("JSON::decode", 2, text)
  return text and m.json_decode(text)
end

function JSON:execute2(command)
  if type(command) == "table" then command = m.json_encode(command, settings[self].empty_is_object, true) end
  return api("json", m.text("JSON::execute2", 2, command))
end

function JSON:execute(command)
  return m.json_decode(JSON.execute2(self, command))
end

function JSON:encode_empty_table_as_object(flag) settings[self].empty_is_object = flag and true or false end
function JSON:return_unformatted_json(flag) settings[self].unformatted = flag and true or false end

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
