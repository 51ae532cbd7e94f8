//! That nothing of Lua's libraries computes without a clock.
//!
//! The hook that looks at the clock sees instructions of Lua, not what a function in C does meanwhile.
//! So each function in C that a script reaches must be short itself. `M` is the memory of a state, 16 MiB
//! by default; times are of a slow machine.
//!
//! | functions | why they are short |
//! | --- | --- |
//! | `assert` `error` `getmetatable` `ipairs` `pairs` `next` `rawequal` `rawget` `rawlen` `rawset` `select` `setmetatable` `type` `math.*` `os.clock` `os.difftime` `os.getenv` `os.time` `coroutine.*` `utf8.codes` | a step each, or one look through a table or a text that is in `M`; functions of the script that they call are in Lua |
//! | `tonumber` `tostring` `string.byte` `char` `format` `len` `sub` `table.pack` `utf8.char` | linear in arguments that are in `M`, and so is what they give; at most 10^6 arguments or results |
//! | `pcall` `xpcall` `print` `warn` | what they run is in Lua, or in Rust and linear |
//! | operations of `genesis` and its objects | look at the clock first; then linear, in texts of 10 MiB at most if they stand in tables |
//! | `collectgarbage` | looks at the clock first; then one collection of `M` |
//! | `load` | the parser is given 4 KiB at a time, and the clock is looked at in between; nesting is at most 200 deep |
//! | `require` | a file that was read before, once |
//! | `string.find` `match` `gmatch` `gsub` | Rust, which looks at the clock every few thousand steps; `gsub` with a table or a function is in Lua |
//! | `string.rep` | refused beyond `M`; looks at the clock |
//! | `freeswitch.JSON` | Rust, which looks at the clock every few hundred values and refuses more than `M` |
//! | `string.lower` `upper` `reverse` `pack` `packsize` `unpack` `utf8.len` `codepoint` `offset` | linear; look at the clock before what is longer than 64 KiB |
//! | `os.date` | a format of at most 64 KiB |
//! | `table.insert` `remove` `sort` | in Lua, but the adding to a plain table; the length is asked once, and refused beyond `M` |
//! | `table.move` | up to 65,536 elements of plain tables in C, else in Lua |
//! | `table.concat` `unpack` | of plain tables in C, which end at the first nil or after 10^6 elements; of others in Lua |
//! | absent: `io` `debug` `package` `dofile` `loadfile` `string.dump` `os.exit` `execute` `remove` `rename` `setlocale` `tmpname` | |
//!
//! Between two looks at the clock are at most 250 instructions, and each may work on texts that are as
//! long as `M` allows. So a script can compute for longer than it may. Measured without optimization, with
//! an `M` of 16 MiB and code that does nothing else: `..`, `<`, `==` and `string.format` of 2 to 5 MiB up to
//! 0.3 s longer, `tonumber` of a text of 6 MiB up to half a second. It grows with `M`.

use mlua::{Error, Integer, Lua, Result, Table};

use super::clock::Clock;
use super::patterns;

/// Loaded when a script calls the first of them.
pub(super) const FUNCTIONS: &str = include_str!("bounded.lua");

/// What they are made of.
pub(super) fn install(lua: &Lua, native: &Table, clock: &Clock, memory: usize) -> Result<()> {
    let of_check = clock.clone();
    let check = move |lua: &Lua, ()| of_check.check_here(lua);
    native.raw_set("check", lua.create_function(check)?)?;
    let most = Integer::try_from(memory).unwrap_or(Integer::MAX);
    native.raw_set("most", most)?;
    let of_enough = clock.clone();
    let enough = move |lua: &Lua, (count, each): (Integer, Integer)| {
        of_enough.check_here(lua)?;
        let whole = count.saturating_mul(each);
        let coming = usize::try_from(whole).unwrap_or(usize::MAX);
        of_enough.memory().look(lua, coming);
        if whole > most {
            return Err(Error::runtime(format!(
                "'rep' to {whole} bytes: not enough memory: a script's values may take {most} bytes"
            )));
        }
        Ok(())
    };
    native.raw_set("enough", lua.create_function(enough)?)?;
    patterns::install(lua, native, clock, memory)
}

/// The functions without the rest of the prelude.
#[cfg(test)]
pub(super) fn alone(lua: &Lua, clock: &Clock, memory: usize) -> Result<()> {
    let native = lua.create_table()?;
    install(lua, &native, clock, memory)?;
    let load = |lua: &Lua, ()| lua.load(FUNCTIONS).into_function();
    native.raw_set("bounded", lua.create_function(load)?)?;
    lua.load(include_str!("stubs.lua")).call(native)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Calls functions with many arguments and writes down what they give and what becomes of their
    /// tables. Errors without the place, and `nil` for what is none: the originals know the difference.
    const CALLS: &str = r##"
        local told = {}
        local function show(v)
          if type(v) ~= "table" then return tostring(v) end
          local parts = {}
          for k = -3, 9 do local one = rawget(v, k) parts[#parts + 1] = type(one) == "table" and "T" or tostring(one) end
          return "{" .. table.concat(parts, ",") .. "}"
        end
        local function note(name, t, ok, ...)
          local line = { name, tostring(ok), show(t) }
          for i = 1, select("#", ...) do line[#line + 1] = show((select(i, ...))) end
          local text = table.concat(line, " "):gsub("%S+:%-?%d+: ", ""):gsub("got nil", "got no value"):gsub("'%l+%d*%.(%l+)'", "'%1'")
          told[#told + 1] = text
        end
        local function tables()
          return ipairs {
            function() return {} end,
            function() return { 3, 1, 2 } end,
            function() return { 5, 4, 3, 2, 1, "a" } end,
            function() return { "b", "a", "c", "a" } end,
            function() return setmetatable({ 1, 2 }, { __index = function(_, k) return k < 6 and k or nil end, __len = function() return 5 end }) end,
            function() return setmetatable({}, { __newindex = function(t, k, v) rawset(t, k, v and v * 2) end }) end,
            function() return setmetatable({}, { __len = function() return "x" end }) end,
            function() return setmetatable({ 1, 2, 3 }, { __len = function() return 2.0 end }) end,
          }
        end
        local values = { 0, 1, 2, 3, -1, 4, 6, 2.0, 2.5, "2", "x", math.mininteger, math.maxinteger, {}, true }
        local function huge(v) return math.type(v) == "integer" and (v > 100 or v < -100) end
        local function each(name, f)
          for _, make in tables() do
            local t = make() note(name, t, pcall(f, t))
            for _, a in ipairs(values) do
              t = make() note(name, t, pcall(f, t, a))
              for _, b in ipairs(values) do
                if not (huge(a) and huge(b)) then
                  t = make() note(name, t, pcall(f, t, a, b))
                end
              end
            end
          end
        end
        each("insert", function(t, a, b) if b == nil then table.insert(t, a) else table.insert(t, a, b) end end)
        each("insert many", function(t, a, b) return table.insert(t, a, b, 1) end)
        each("remove", table.remove)
        each("concat", function(t, a, b)
          if huge(b) then b = 2 end
          return table.concat(t, a, b)
        end)
        each("concat to", function(t, a, b)
          if huge(a) then a = 2 end
          if huge(b) then b = 3 end
          return table.concat(t, ",", a, b)
        end)
        each("unpack", table.unpack)
        each("move", function(t, a, b)
          if huge(b) then b = 3 end
          if huge(a) then a = 3 end
          return table.move(t, a, b, 2)
        end)
        each("move to", function(t, a, b) return table.move(t, 1, 2, a, b) end)
        each("sort", function(t, a) table.sort(t, a == 1 and function(x, y) return tostring(x) > tostring(y) end or nil) end)
        each("sort badly", function(t) table.sort(t, function() return true end) end)
        each("sort by", function(t, a) table.sort(t, a) end)
        for _, s in ipairs { "", "ab", 12, {}, true } do
          for _, n in ipairs { 0, 1, 3, -1, "2", 1.5, {} } do
            for _, sep in ipairs { "", ",", 1, {} } do
              note("rep", s, pcall(string.rep, s, n, sep)) note("rep", s, pcall(string.rep, s, n))
            end
          end
          for _, name in ipairs { "lower", "upper", "reverse" } do note(name, s, pcall(string[name], s)) end
          note("gsub", s, pcall(string.gsub, s, ".", s)) note("gsub", s, pcall(string.gsub, s, s, print, "x"))
        end
        note("gsub", 1, pcall(string.gsub, "abc", "%w", function(c) return c == "b" and {} end))
        note("pack", 1, pcall(string.pack, "i4z", 1, {})) note("pack", 1, pcall(string.pack, "i4z", 1, "abc"))
        note("pack", 1, pcall(string.pack, "i99", 1)) note("unpack", 1, pcall(string.unpack, "i4", "abc"))
        note("utf8", 1, pcall(utf8.len, "aäb")) note("utf8", 1, pcall(utf8.codepoint, "aä", 1, -1)) note("utf8", 1, pcall(utf8.len, {}))
        note("date", 1, pcall(os.date, "!%Y", 0)) note("date", 1, pcall(os.date, "%Ez", 0)) note("date", 1, pcall(os.date, "!%Y", {}))
        math.randomseed(7)
        for _ = 1, 300 do
          local t, n = {}, math.random(0, 60)
          for i = 1, n do t[i] = math.random(1, 20) .. ":" .. i end
          local by = function(a, b) return tonumber(a:match("^%d+")) < tonumber(b:match("^%d+")) end
          table.sort(t, by)
          told[#told + 1] = table.concat(t, " ")
        end
        local t = {}
        for i = 1, 5000 do t[i] = (i * 7919) % 5003 end
        table.sort(t)
        told[#told + 1] = table.concat(t, " ")
        return table.concat(told, "\n")
    "##;

    #[test]
    fn functions_in_lua_do_as_those_in_c() {
        let lua = Lua::new();
        let expected: String = lua.load(CALLS).call(()).unwrap();
        let bounded = Lua::new();
        let clock = Clock::new(Duration::from_secs(60), 1 << 24);
        alone(&bounded, &clock, 1 << 24).unwrap();
        let found: String = bounded.load(CALLS).call(()).unwrap();
        assert!(expected.lines().count() > 5000);
        let lines = expected.lines().zip(found.lines());
        let other: Vec<_> = lines.filter(|(a, b)| a != b).collect();
        let some = &other[..other.len().min(40)];
        assert!(other.is_empty(), "{} differ, as {some:#?}", other.len());
        assert_eq!(expected.lines().count(), found.lines().count());
    }
}
