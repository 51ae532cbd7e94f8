-- What every state begins with. Kept small: it is compiled once per session.
local native = ...
local dispatch, explain, pending = native.dispatch, native.explain, native.pending
-- a script may take its globals away
local select, type, rawget, error, tostring = select, type, rawget, error, tostring

-- Errors that Rust functions raise become texts with their place, as Lua's own are.
local function explained(ok, ...)
  if ok then return true, ... end
  return false, explain((...))
end
local raw_pcall, raw_xpcall = pcall, xpcall
function pcall(f, ...) return explained(raw_pcall(f, ...)) end
function xpcall(f, handler, ...)
  return raw_xpcall(f, function(e) return handler(explain(e)) end, ...)
end

-- An operation that is called in a coroutine of the script's own: its pause is passed on to
-- whoever drives the script, not given to the script.
do
  local resume, yield, create, close = coroutine.resume, coroutine.yield, coroutine.create, coroutine.close
  local function pass(co, ok, ...)
    if ok then
      if (...) == pending then return pass(co, resume(co, yield(...))) end
      return true, ...
    end
    return false, explain((...))
  end
  function coroutine.resume(co, ...) return pass(co, resume(co, ...)) end
  local function wrapped(co, ok, ...)
    if ok then return ... end
    close(co)
    error((...), 0)
  end
  function coroutine.wrap(f)
    local co = create(f)
    return function(...) return wrapped(co, pass(co, resume(co, ...))) end
  end
end

-- A finalizer runs while nothing looks at the clock. The only one tells that there was a collection.
do
  local raw_setmetatable, collected = setmetatable, native.collected
  local watch = {}
  function watch.__gc()
    raw_setmetatable({}, watch)
    collected()
  end
  watch.__gc()
  function setmetatable(t, meta)
    if type(meta) == "table" and rawget(meta, "__gc") ~= nil then
      error("__gc is not available: nothing could stop a finalizer that does not end; use __close", 2)
    end
    return raw_setmetatable(t, meta)
  end
end

-- Sources only: bytecode can break the interpreter. The parser looks at no clock, so it is read to
-- piece by piece.
do
  local raw_load, check, sub, PIECE = load, native.check, string.sub, 4096
  local function pieces(next)
    local chunk, at = "", 1
    return function()
      check()
      if at > #chunk then
        chunk, at = next(), 1
        if type(chunk) ~= "string" or #chunk <= PIECE then
          local whole = chunk
          chunk = ""
          return whole
        end
      end
      at = at + PIECE
      return sub(chunk, at - PIECE, at - 1)
    end
  end
  -- the reader's error has met the handler that makes an object of it
  local function loaded(f, e)
    if f == nil then return nil, explain(e) end
    return f
  end
  function load(chunk, name, mode, ...)
    if mode ~= nil and mode ~= "t" and mode ~= "bt" then
      error("bytecode cannot be loaded: only mode \"t\" is available", 2)
    end
    local source = chunk
    if type(chunk) == "string" then
      name = name or chunk
      if #chunk > PIECE then
        source = pieces(function()
          local whole = chunk
          chunk = nil
          return whole
        end)
      end
    elseif type(chunk) == "function" then
      name = name or "=(load)"
      source = pieces(chunk)
    end
    return loaded(raw_load(source, name, "t", ...))
  end
end

-- Modules of the application's own folder.
do
  local find, loaded, loading = native.module, {}, {}
  package = setmetatable({ loaded = loaded }, { __index = native.absent("package") })
  function require(name)
    if loaded[name] ~= nil then return loaded[name] end
    if loading[name] then error("module '" .. name .. "' requires itself", 2) end
    local chunk, path = find(name)
    if not chunk then error(path, 2) end
    loading[name] = true
    local ok, value = raw_pcall(chunk, name, path)
    loading[name] = nil
    if not ok then error(explain(value), 0) end
    if value == nil then value = loaded[name] end
    if value == nil then value = true end
    loaded[name] = value
    return value, path
  end
  for _, name in ipairs { "io", "debug" } do
    _G[name] = setmetatable({}, { __index = native.absent(name) })
  end
  setmetatable(os, { __index = native.absent("os") })
  setmetatable(string, { __index = native.absent("string") })
  dofile, loadfile = native.absent("dofile"), native.absent("loadfile")
end

-- Texts of log lines.
local function text(...)
  local parts = { ... }
  for i = 1, select("#", ...) do parts[i] = tostring(parts[i]) end
  return concat(parts, "\t")
end
local log = native.log
genesis = { log = {} }
for level, name in ipairs { "error", "warn", "info", "debug", "trace" } do
  genesis.log[name] = function(...) return log(level, text(...)) end
end
genesis.log.warning = genesis.log.warn
print, warn = genesis.log.info, genesis.log.warn

-- One function does every operation; what scripts call are small closures over its number.
local function raised(failure, ...)
  if failure ~= nil then error(failure, 0) end
  return ...
end
local function method(id)
  return function(...) return raised(dispatch(id, ...)) end
end
for name, id in pairs(native.functions) do genesis[name] = method(id) end

local function span(ok, ...)
  if not ok then error((...), 0) end
  return ...
end
local in_span = native.span
local function spanned(name, attributes, f, ...)
  if type(attributes) == "function" then return spanned(name, nil, attributes, f, ...) end
  return span(in_span(name, attributes, raw_xpcall, f, native.note, ...))
end
genesis.span = spanned

-- Runs a function so that its error comes with a traceback.
local trace = native.trace
local function run(f, ...) return raw_xpcall(f, trace, ...) end
local function main(chunk, take, ...)
  chunk()
  local f = take()
  if f then f(...) end
end

-- Runs handlers of events in one coroutine, one after another, until `next` has none for it.
local function handlers(functions, next)
  return function(turn)
    local number, event = next(turn)
    while number do number, event = next(turn, raw_xpcall(functions[number], trace, event)) end
  end
end
return method, run, main, handlers
