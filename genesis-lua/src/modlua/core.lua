-- What the other parts share. `m` holds the operations of Rust and what is added here.
local m = ...
local error, type, tostring, xpcall, _G = error, type, tostring, xpcall, _G

-- How classes are called in messages.
local SHOWN = {
  session = "session:%s", freeswitch = "freeswitch.%s", API = "freeswitch.API():%s",
  Event = "freeswitch.Event(…):%s", EventConsumer = "freeswitch.EventConsumer(…):%s",
  JSON = "freeswitch.JSON():%s", Stream = "freeswitch.Stream():%s",
}

-- Loads a part, once.
local loaded = {}
function m.load(part)
  if loaded[part] then return end
  loaded[part] = true
  m.run_part(part)
end

-- The metatable of a class: its methods, what mod_lua has and Genesis has not, and the nearest name
-- of a typo. What is not supported is a function that fails, so that it can be asked for. `part` says
-- where more methods are.
function m.class(class, methods, field, part)
  local shown = SHOWN[class]
  return {
    __name = "freeswitch." .. class,
    __index = function(object, key)
      local method = methods[key]
      if method ~= nil then return method end
      local value = field and field(object, key)
      if value ~= nil then return value end
      local more = part and part(key)
      if more then
        m.load(more)
        if methods[key] ~= nil then return methods[key] end
      end
      local instead = type(key) == "string" and m.instead(class, key)
      if instead then
        return function()
          error(shown:format(key) .. " is not supported: " .. instead .. "; see docs/mod_lua.md", 2)
        end
      end
      local near = type(key) == "string" and m.nearest(key, methods)
      if near then
        local kind = class == "freeswitch" and "field" or "method"
        error(("attempt to call a nil value (%s '%s'); did you mean %s?"):format(kind, key, near), 2)
      end
      return nil
    end,
  }
end

-- Arguments, as SWIG reads them: a string may be a number or nil, a number a string of digits.
function m.text(where, at, value)
  if value == nil or type(value) == "string" then return value end
  if type(value) == "number" then return tostring(value) end
  error(("Error in %s (arg %d), expected 'char *' got '%s'"):format(where, at, type(value)), 3)
end

-- What goes into a line for the switch.
function m.line(what, value, instead)
  local at = value and value:find("[\r\n\0]")
  if at then
    error(("%s holds a line feed, carriage return or NUL at byte %d, which the event socket cannot carry there; "
      .. 'replace it before, as with text:gsub("%%c", " ")%s'):format(what, at, instead or ""), 3)
  end
  return value
end

function m.number(where, at, value, default)
  if value == nil and default then return default end
  local number = tonumber(value)
  if not number or type(value) == "boolean" then
    error(("Error in %s (arg %d), expected 'int' got '%s'"):format(where, at, type(value)), 3)
  end
  if number ~= number or number >= 2147483647 then return 2147483647 end
  if number <= -2147483648 then return -2147483648 end
  return number // 1 | 0
end

-- Log levels of the switch as those of Genesis.
local LEVELS = {
  console = 3, alert = 1, crit = 1, err = 1, error = 1, warning = 2, warn = 2, notice = 3, info = 3,
  debug = 4,
}
function m.console(level, text)
  text = (text or ""):gsub("[\r\n]+$", "")
  m.log(LEVELS[(level or ""):lower()] or 4, text)
end

-- Calls what a script registered. Its error is logged and ends nothing else; only the wish of a
-- hangup hook to end the script goes through.
local function failed(value)
  if value ~= m.exit then m.failed(value) end
  return value
end
function m.protected(f, ...)
  local ok, value = xpcall(f, failed, ...)
  if not ok and value == m.exit then error(value, 0) end
  return ok, value
end

-- The state of each session, by its object.
m.states = setmetatable({}, { __mode = "k" })

function m.is_over(s)
  return s.transferred or m.look(s.leg, "over")
end

-- Runs the hangup hook if it is time for it.
function m.hook(s)
  if not s.hook or s.hooked then return end
  local why
  if s.transferred then
    why = "transfer"
  elseif s.leg and m.look(s.leg, "over") then
    why = "hangup"
  else
    return
  end
  s.hooked = true
  local name, argument = s.hook, s.hook_argument
  s.hook = nil
  local f = _G[name]
  if f == nil then
    m.log(1, ("setHangupHook: there is no global function '%s'"):format(name))
    return
  end
  local _, value
  if argument then
    _, value = m.protected(f, s.object, why, _G[argument])
  else
    _, value = m.protected(f, s.object, why)
  end
  if type(value) == "string" and (value:lower() == "exit" or value:lower() == "die") then
    error(m.exit, 0)
  end
end

-- Waits for what runs, or for a time, and calls the input callback meanwhile. Gives "done" with what
-- came of it, "broken", "over", "timeout" or "error".
function m.wait(s, running, time, options)
  local ends = time and m.milliseconds() + time
  local broken
  while true do
    local listens = s.callback and not broken and not s.in_callback and not options.deaf
    local goes_on, left = true, nil
    if ends then left = math.max(0, ends - m.milliseconds()) end
    if listens and s.events[1] then
      goes_on = m.input(s, "event", table.remove(s.events, 1), options.file)
    else
      local what, a, b = m.next(s.leg, running, left, listens)
      if what == "dtmf" then
        if options.each then ends = options.each(ends) end
        goes_on = m.input(s, "dtmf", { digit = a, duration = b }, options.file)
      elseif what == nil then
        if a ~= "over" then m.log(1, tostring(a)) end
        return a == "over" and "over" or "error"
      elseif what == "done" and broken then
        return "broken", a, b
      else
        return what, a, b
      end
    end
    if not goes_on then
      if not running then return "broken" end
      broken = true
      m.api(s.leg, (options.stop or "uuid_break") .. " " .. s.uuid)
    end
  end
end

-- Runs an application and waits for it.
function m.run(s, application, argument, options)
  options = options or {}
  m.hook(s)
  if m.is_over(s) then return "over" end
  local running, why = m.start(s.leg, application, argument, options.variable, options.eats)
  if not running then
    if why ~= "over" then m.log(1, application .. ": " .. tostring(why)) end
    m.hook(s)
    return why == "over" and "over" or "error"
  end
  local what, a, b = m.wait(s, running, nil, options)
  if options.eats and s.leg then m.take(s.leg) end
  m.hook(s)
  return what, a, b
end

-- Digits end no file of mod_lua's methods, but those of the applications: `*` unless
-- playback_terminators says otherwise. It is "none" while methods play, and as the script wants it
-- while applications run.
function m.quiet(s)
  if s.is_quiet or m.is_over(s) then return end
  s.terminators = m.get_variable(s.leg, "playback_terminators")
  s.is_quiet = true
  m.set_variable(s.leg, "playback_terminators", "none")
end

function m.loud(s)
  if not s.is_quiet then return end
  s.is_quiet = false
  if not m.is_over(s) then
    m.set_variable(s.leg, "playback_terminators", s.terminators or "")
  end
end

function os.exit()
  m.log(1, "os.exit() ends nothing here, as in mod_lua: let the script come to its end")
end
