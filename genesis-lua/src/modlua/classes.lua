-- `freeswitch.API`, `JSON`, `Stream` and `DTMF`.
local m = ...
local functions, API, JSON, Stream = m.functions, {}, {}, {}
local api_meta, json_meta, stream_meta = m.class("API", API), m.class("JSON", JSON), m.class("Stream", Stream)

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
