-- Functions of Lua's libraries that compute long in C, where nobody looks at the clock, are replaced by
-- those of bounded.lua. They are many, and most scripts call few: they are loaded with the first call.
local native = ...
-- for log lines, whose parts are few
local concat = table.concat
do
  local unpack, type, next, load_bounded = table.unpack, type, next, native.bounded
  -- as they were before a script could change them
  local kept = {
    select, type, error, getmetatable, tostring, tonumber, pcall, ipairs, math.type, math.tointeger, math.ult,
    math.maxinteger, math.random, string.format, string.find, string.sub,
  }
  local libraries, loaded = {}, false
  local function load()
    if loaded then return end
    -- what fails for lack of memory is begun anew with the next call
    local fresh = {}
    for library, functions in next, libraries do
      fresh[library] = {}
      for name, f in next, functions do fresh[library][name] = f end
    end
    load_bounded()(native, fresh, unpack(kept))
    libraries, loaded = fresh, true
  end
  local function replace(of, ...)
    local library, functions = _G[of], {}
    libraries[of] = functions
    for _, name in ipairs { ... } do
      functions[name] = library[name]
      local function stub(...)
        load()
        local f = libraries[of][name]
        if library[name] == stub then library[name] = f end
        return f(...)
      end
      library[name] = stub
    end
  end
  local raw_gsub, raw_insert, select, getmetatable = string.gsub, table.insert, select, getmetatable
  local raw = { lower = string.lower, upper = string.upper, reverse = string.reverse }
  replace("table", "insert", "remove", "move", "concat", "unpack", "sort")
  replace("string", "rep", "lower", "upper", "reverse", "pack", "packsize", "unpack", "gsub")
  replace("utf8", "codepoint", "len", "offset")
  replace("os", "date")

  -- What most scripts call, and is short itself with most arguments.
  local gsub, insert = string.gsub, table.insert
  function string.gsub(s, p, repl, ...)
    if type(s) == "string" and type(p) == "string" and type(repl) == "string" and (...) == nil then
      return raw_gsub(s, p, repl)
    end
    return gsub(s, p, repl, ...)
  end
  function table.insert(t, ...)
    if type(t) == "table" and getmetatable(t) == nil and select("#", ...) == 1 then return raw_insert(t, ...) end
    return insert(t, ...)
  end
  for name, f in next, raw do
    local long = string[name]
    string[name] = function(s)
      if type(s) == "string" and #s <= 65536 then return f(s) end
      return long(s)
    end
  end
end
