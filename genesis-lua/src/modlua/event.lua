-- `freeswitch.Event` and `freeswitch.EventConsumer`.
local m = ...
local Event, EventConsumer, of = {}, {}, setmetatable({}, { __mode = "k" })
local meta, consumer_meta = m.class("Event", Event), m.class("EventConsumer", EventConsumer)

local function enter(self, name)
  return of[self] or error(name .. " is a method: call it with a colon, event:" .. name .. "(…)", 3)
end

local function make(name, headers, body)
  local event = setmetatable({}, meta)
  of[event] = { name = name, headers = headers, body = body }
  return event
end

-- Of what a consumer popped.
local function received(event)
  local headers = {}
  for name, value in pairs(event) do table.insert(headers, { name, value }) end
  table.sort(headers, function(a, b)
    local first, second = a[1] == "Event-Name", b[1] == "Event-Name"
    if first ~= second then return first end
    return a[1] < b[1]
  end)
  return make(event.name, headers, event.body)
end

function m.copy_event(event)
  local e = enter(event, "sendEvent")
  return make(e.name, table.move(e.headers, 1, #e.headers, 1, {}), e.body)
end

function m.functions.Event(name, subclass)
  name = m.text("Event::Event", 1, name)
  subclass = m.text("Event::Event", 2, subclass)
  if (name or ""):lower() == "json" and subclass and subclass ~= "" then
    local json = m.json_decode(subclass)
    if type(json) ~= "table" then return make(nil, {}) end
    local headers = {}
    for key, value in pairs(json) do
      if key ~= "_body" then table.insert(headers, { tostring(key), tostring(value) }) end
    end
    return make(m.event_name(tostring(json["Event-Name"])) or "MESSAGE", headers, json._body)
  end
  name = m.event_name(name or "") or "MESSAGE"
  if subclass == "" then subclass = nil end
  if subclass and name ~= "CUSTOM" then
    m.log(2, "Changing event type to custom because you specified a subclass name!")
    name = "CUSTOM"
  end
  local headers = { { "Event-Name", name } }
  if subclass then table.insert(headers, { "Event-Subclass", subclass }) end
  return make(name, headers)
end

local function find(e, name)
  name = name:lower()
  for at, header in ipairs(e.headers) do
    if header[1]:lower() == name then return at, header[2] end
  end
end

function Event:getHeader(name)
  local e = enter(self, "getHeader")
  name = m.text("Event::getHeader", 2, name)
  if not name or name == "" then
    m.log(1, "Trying to getHeader an invalid header!")
    return nil
  end
  local _, value = find(e, name)
  return value
end

function Event:addHeader(name, value)
  local e = enter(self, "addHeader")
  name = m.text("Event::addHeader", 2, name)
  value = m.text("Event::addHeader", 3, value)
  if not name or not value then return false end
  table.insert(e.headers, { name, value })
  return true
end

function Event:delHeader(name)
  local e = enter(self, "delHeader")
  name = m.text("Event::delHeader", 2, name)
  if not name or name == "" then
    m.log(1, "Trying to delHeader an invalid header!")
    return false
  end
  local at, deleted = find(e, name), false
  while at do
    table.remove(e.headers, at)
    at, deleted = find(e, name), true
  end
  return deleted
end

function Event:addBody(text)
  local e = enter(self, "addBody")
  e.body = m.text("Event::addBody", 2, text) or ""
  return true
end

function Event:getBody() return enter(self, "getBody").body end
function Event:getType() return enter(self, "getType").name or "invalid" end

local PRIORITIES = { [0] = "NORMAL", "LOW", "HIGH" }
function Event:setPriority(priority)
  local e = enter(self, "setPriority")
  priority = m.number("Event::setPriority", 2, priority, 0)
  table.insert(e.headers, 1, { "priority", PRIORITIES[priority] or "INVALID" })
  return true
end

function Event:merge(other)
  local e = enter(self, "merge")
  for _, header in ipairs(enter(other, "merge").headers) do
    if not find(e, header[1]) then table.insert(e.headers, header) end
  end
  return true
end

local function escape(text)
  return (text:gsub("[%c #%%&+:;<=>?@%[\\%]^`{|}\"\x7f-\xff]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end
local XML = { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;", ['"'] = "&quot;", ["'"] = "&apos;" }
local function xml(text) return (text:gsub("[<>&\"']", XML)) end

function Event:serialize(format)
  local e = enter(self, "serialize")
  format = (m.text("Event::serialize", 2, format) or ""):lower()
  if not e.name then return "" end
  local lines = {}
  if format == "json" then
    local object = {}
    for _, header in ipairs(e.headers) do object[header[1]] = header[2] end
    if e.body then object["Content-Length"], object._body = tostring(#e.body), e.body end
    return m.json_encode(object, true, true)
  elseif format == "xml" then
    for _, header in ipairs(e.headers) do
      table.insert(lines, ("    <%s>%s</%s>"):format(header[1], xml(escape(header[2])), header[1]))
    end
    local body = e.body and "\n  <body>" .. xml(e.body) .. "</body>" or ""
    return "<event>\n  <headers>\n" .. table.concat(lines, "\n") .. "\n  </headers>" .. body .. "\n</event>"
  end
  for _, header in ipairs(e.headers) do
    table.insert(lines, header[1] .. ": " .. escape(header[2]) .. "\n")
  end
  if e.body then
    table.insert(lines, "Content-Length: " .. #e.body .. "\n\n" .. e.body)
  else
    table.insert(lines, "\n")
  end
  return table.concat(lines)
end

function Event:fire()
  local e = enter(self, "fire")
  if not e.name then
    m.log(1, "Trying to fire an event that does not exist!")
    return false
  end
  local headers = {}
  for _, header in ipairs(e.headers) do
    local name = header[1]:lower()
    if name ~= "event-name" and name ~= "content-length" then
      m.line("fire: the name of a header", header[1])
      m.line(("fire: the value of the header %s"):format(header[1]), header[2])
      table.insert(headers, header)
    end
  end
  local ok, why = m.fire(e.name, headers, e.body)
  if not ok then m.log(1, "Failed to fire the event! " .. tostring(why)) end
  return ok and true or false
end

-- Consumers.
local consumers = setmetatable({}, { __mode = "k" })

function m.functions.EventConsumer(name, subclass, length)
  local consumer = setmetatable({}, consumer_meta)
  consumers[consumer] = { length = m.number("EventConsumer::EventConsumer", 3, length, 5000) }
  if name and name ~= "" then consumer:bind(name, subclass) end
  return consumer
end

function EventConsumer:bind(name, subclass)
  local c = consumers[self]
  name = m.text("EventConsumer::bind", 2, name) or ""
  subclass = m.text("EventConsumer::bind", 3, subclass)
  if c.closed then return 0 end
  local known = name:upper() == "ALL" and "ALL" or m.event_name(name)
  if not known then
    m.log(2, ("Can't bind to %s, event not found"):format(name))
    return 0
  end
  local feed, why = m.bind(c.feed, known, subclass, c.length)
  if not feed then
    m.log(1, ("Cannot bind to %s %s: %s"):format(name, subclass or "", why))
    return 0
  end
  c.feed = feed
  return 1
end

-- Without `block` what is there, with it the next one; `time` in milliseconds, 0 is for ever.
function EventConsumer:pop(block, time)
  local c = consumers[self]
  block = m.number("EventConsumer::pop", 2, block, 0)
  time = m.number("EventConsumer::pop", 3, time, 0)
  if not c.feed then return nil end
  if block == 0 then time = 0 elseif time <= 0 then time = nil end
  local event = m.pop(c.feed, time)
  return event and received(event)
end

function EventConsumer:cleanup()
  local c = consumers[self]
  c.closed, c.feed = true, nil
end
