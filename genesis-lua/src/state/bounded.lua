-- Functions of Lua's libraries that compute long in C, where nobody looks at the clock. Here they are
-- in Lua, which is looked at, or look themselves. What they do and say is Lua's. They are put into
-- `libraries`, in the place of the originals; see stubs.lua.
local native, libraries, select, type, error, getmetatable, tostring, tonumber, raw_pcall, ipairs,
  math_type, tointeger, ult, maxinteger, random, format, find, sub = ...
local table, string, utf8, os = libraries.table, libraries.string, libraries.utf8, libraries.os
do
  local check, most = native.check, native.most
  -- so many steps are no matter: some hundred microseconds
  local LONG = 65536

  local function bad(n, name, what, level)
    error(format("bad argument #%d to '%s' (%s)", n, name, what), level + 1)
  end
  local function expected(n, name, kind, v, level)
    bad(n, name, kind .. " expected, got " .. (v == nil and "no value" or type(v)), level + 1)
  end
  local function integer(v, n, name)
    local i = tointeger(v)
    if i then return i end
    if tonumber(v) then bad(n, name, "number has no integer representation", 3) end
    expected(n, name, "number", v, 3)
  end
  -- not of its own type only because nil is none
  local function text(v, n, name)
    if type(v) == "string" then return v end
    if type(v) == "number" then return tostring(v) end
    expected(n, name, "string", v, 3)
  end
  local function a_table(v, n, name)
    if type(v) ~= "table" then expected(n, name, "table", v, 3) end
  end
  local function length(t)
    local n = #t
    if math_type(n) == "integer" then return n end
    return tointeger(n) or error("object length is not an integer", 3)
  end
  -- more than a table can hold takes for ever
  local function bounded(steps, name)
    if steps > most or steps < 0 then
      error(format("'%s' of more than %d elements: not enough memory: a script's values may take %d bytes",
        name, most, most), 3)
    end
  end
  -- the error of a function in C, with its name and the script's line
  local function outcome(name, ok, ...)
    if ok then return ... end
    local e = (...)
    if type(e) ~= "string" or e == "not enough memory" then error(e, 0) end
    local at, to = find(e, "to '?'", 1, true)
    if at then e = sub(e, 1, at - 1) .. "to '" .. name .. "'" .. sub(e, to + 1) end
    error(e, 2)
  end

  -- The length of a table is asked once: it may be another the next time.
  function table.insert(t, ...)
    a_table(t, 1, "insert")
    local count, e = select("#", ...), length(t) + 1
    if count == 1 then
      t[e] = (...)
      return
    end
    if count ~= 2 then error("wrong number of arguments to 'insert'", 2) end
    local pos, v = ...
    pos = integer(pos, 2, "insert")
    if not ult(pos - 1, e) then bad(2, "insert", "position out of bounds", 2) end
    bounded(e - pos, "insert")
    for i = e, pos + 1, -1 do t[i] = t[i - 1] end
    t[pos] = v
  end

  function table.remove(t, pos)
    a_table(t, 1, "remove")
    local size = length(t)
    pos = pos == nil and size or integer(pos, 2, "remove")
    if pos ~= size and ult(size, pos - 1) then bad(2, "remove", "position out of bounds", 2) end
    bounded(pos < size and size - pos or 0, "remove")
    local v = t[pos]
    while pos < size do
      t[pos] = t[pos + 1]
      pos = pos + 1
    end
    t[pos] = nil
    return v
  end

  local raw_move = table.move
  function table.move(a1, f, e, t, a2)
    f, e, t = integer(f, 2, "move"), integer(e, 3, "move"), integer(t, 4, "move")
    a_table(a1, 1, "move")
    if a2 == nil then a2 = a1 else a_table(a2, 5, "move") end
    if e < f then return a2 end
    if f <= 0 and e >= maxinteger + f then bad(3, "move", "too many elements to move", 2) end
    local n = e - f + 1
    if t > maxinteger - n + 1 then bad(4, "move", "destination wrap around", 2) end
    bounded(n, "move")
    if n <= LONG and getmetatable(a1) == nil and getmetatable(a2) == nil then return raw_move(a1, f, e, t, a2) end
    if t > e or t <= f or a1 ~= a2 then
      for i = 0, n - 1 do a2[t + i] = a1[f + i] end
    else
      for i = n - 1, 0, -1 do a2[t + i] = a1[f + i] end
    end
    return a2
  end

  local raw_concat = table.concat
  function table.concat(t, sep, i, j)
    a_table(t, 1, "concat")
    local n = length(t)
    if sep ~= nil then sep = text(sep, 2, "concat") end
    i, j = i == nil and 1 or integer(i, 3, "concat"), j == nil and n or integer(j, 4, "concat")
    if getmetatable(t) ~= nil then
      if i <= j then bounded(j - i, "concat") end
      local copy, at = {}, 0
      for k = i, j do
        local v = t[k]
        if type(v) ~= "string" and type(v) ~= "number" then
          error(format("invalid value (%s) at index %d in table for 'concat'", type(v), k), 2)
        end
        at = at + 1
        copy[at] = v
      end
      t, i, j = copy, 1, at
    elseif j - i > LONG then
      check()
    end
    return outcome("concat", raw_pcall(raw_concat, t, sep, i, j))
  end

  local raw_unpack = table.unpack
  function table.unpack(t, i, j)
    if getmetatable(t) == nil and type(t) == "table" then
      if i ~= nil then i = integer(i, 2, "unpack") end
      if j ~= nil then j = integer(j, 3, "unpack") end
      return raw_unpack(t, i, j)
    end
    i, j = i == nil and 1 or integer(i, 2, "unpack"), j == nil and length(t) or integer(j, 3, "unpack")
    if i > j then return end
    if not ult(j - i, 1000000) then error("too many results to unpack", 2) end
    local copy = {}
    for k = 0, j - i do copy[k + 1] = t[i + k] end
    return raw_unpack(copy, 1, j - i + 1)
  end

  -- `auxsort` of `ltablib.c`, which gives the same order of what is equal. A comparison may pause.
  local function less(a, b) return a < b end
  local function invalid() error("invalid order function for sorting", 0) end
  local function sort(t, lo, up, lt, spread)
    while lo < up do
      local a, b = t[lo], t[up]
      if lt(b, a) then t[lo], t[up] = b, a end
      if up - lo == 1 then return end
      local p = (lo + up) // 2
      if up - lo > 100 and spread then
        local quarter = (up - lo) // 4
        p = random(lo + quarter, up - quarter)
      end
      a, b = t[p], t[lo]
      if lt(a, b) then
        t[p], t[lo] = b, a
      else
        b = t[up]
        if lt(b, a) then t[p], t[up] = b, a end
      end
      if up - lo == 2 then return end
      local pivot = t[p]
      t[p], t[up - 1] = t[up - 1], pivot
      local i, j = lo, up - 1
      while true do
        i = i + 1
        local at_i = t[i]
        while lt(at_i, pivot) do
          if i == up - 1 then invalid() end
          i = i + 1
          at_i = t[i]
        end
        j = j - 1
        local at_j = t[j]
        while lt(pivot, at_j) do
          if j < i then invalid() end
          j = j - 1
          at_j = t[j]
        end
        if j < i then
          t[up - 1], t[i] = at_i, t[up - 1]
          break
        end
        t[i], t[j] = at_j, at_i
      end
      local n
      if i - lo < up - i then
        sort(t, lo, i - 1, lt, spread)
        n, lo = i - lo, i + 1
      else
        sort(t, i + 1, up, lt, spread)
        n, up = up - i, i - 1
      end
      if (up - lo) // 128 > n then spread = true end
    end
  end
  function table.sort(t, lt)
    a_table(t, 1, "sort")
    local n = length(t)
    if n < 2 then return end
    if n >= 0x7fffffff then bad(1, "sort", "array too big", 2) end
    if lt ~= nil and type(lt) ~= "function" then expected(2, "sort", "function", lt, 2) end
    bounded(n, "sort")
    sort(t, 1, n, lt or less, false)
  end

  -- An empty text is as long as it is, however often.
  local raw_rep, enough = string.rep, native.enough
  function string.rep(s, n, sep)
    s, n = text(s, 1, "rep"), integer(n, 2, "rep")
    if sep == nil then sep = "" else sep = text(sep, 3, "rep") end
    local one = #s + #sep
    if n <= 0 or one == 0 then return "" end
    enough(n, one)
    return raw_rep(s, n, sep)
  end

  -- What is only as long as its text is: some milliseconds at most, of which many could follow.
  for _, name in ipairs { "lower", "upper", "reverse" } do
    local raw = string[name]
    string[name] = function(s)
      s = text(s, 1, name)
      if #s > LONG then check() end
      return raw(s)
    end
  end
  local function checked(library, name)
    local raw = library[name]
    library[name] = function(s, ...)
      if type(s) == "string" and #s > LONG then check() end
      return outcome(name, raw_pcall(raw, s, ...))
    end
  end
  for _, name in ipairs { "pack", "packsize", "unpack" } do checked(string, name) end
  for _, name in ipairs { "codepoint", "len", "offset" } do checked(utf8, name) end
  local raw_date = os.date
  function os.date(f, t)
    if type(f) == "string" and #f > LONG then
      bad(1, "date", format("a format of more than %d bytes", LONG), 2)
    end
    if t == nil then return outcome("date", raw_pcall(raw_date, f)) end
    return outcome("date", raw_pcall(raw_date, f, t))
  end

  -- A replacing function may pause, and what it gives is the script's memory.
  local raw_gsub, step = string.gsub, native.gsub_step
  local function replaced(repl, s, from, to, first, ...)
    if not from then return end
    local v
    if type(repl) == "table" then v = repl[first] else v = repl(first, ...) end
    if not v then return from, to, sub(s, from, to) end
    if type(v) == "string" or type(v) == "number" then return from, to, v end
    error("invalid replacement value (a " .. type(v) .. ")", 3)
  end
  function string.gsub(s, p, repl, limit)
    s, p = text(s, 1, "gsub"), text(p, 2, "gsub")
    if limit ~= nil then limit = integer(limit, 4, "gsub") end
    if type(repl) ~= "function" and type(repl) ~= "table" then
      if type(repl) ~= "string" and type(repl) ~= "number" then
        expected(3, "gsub", "string/function/table", repl, 2)
      end
      return raw_gsub(s, p, repl, limit)
    end
    local all = type(repl) == "function"
    local anchored, parts, pieces, count, at, last = sub(p, 1, 1) == "^", {}, 0, 0, 1, nil
    while not limit or count < limit do
      local from, to, v = replaced(repl, s, step(s, p, all, at, last))
      if not from then break end
      parts[pieces + 1], parts[pieces + 2] = sub(s, at, from - 1), v
      pieces, count = pieces + 2, count + 1
      at, last = to + 1, to
      if anchored then break end
    end
    parts[pieces + 1] = sub(s, at)
    return raw_concat(parts), count
  end
end
