//! `string.find`, `match`, `gmatch` and `gsub`, bounded in time and memory.

use std::cell::Cell;

use mlua::{Error, Function, Integer, IntoLua, Lua, LuaString, MultiValue, Result, Table, Value};

use super::clock::Clock;
use super::matcher::{Captured, Matcher};

/// Characters that make a pattern more than a text.
const SPECIALS: &[u8] = b"^$*+?.([%-";

/// Texts beyond this are long enough to look at the clock before anything is done with them.
const LONG: usize = 65_536;

/// Replaces the four functions in the table `string`. `gsub` is here for texts as replacements only:
/// with a table or a function it is made of `native.gsub_step`, in Lua.
pub(super) fn install(lua: &Lua, native: &Table, clock: &Clock, memory: usize) -> Result<()> {
    let string: Table = lua.globals().get("string")?;
    for (name, find) in [("find", true), ("match", false)] {
        let clock = clock.clone();
        let function = lua
            .create_function(move |lua, arguments: Search| search(lua, &arguments, find, &clock))?;
        string.raw_set(name, function)?;
    }
    let of_gmatch = clock.clone();
    string.raw_set(
        "gmatch",
        lua.create_function(
            move |lua, arguments: (LuaString, LuaString, Option<Integer>)| {
                gmatch(lua, arguments, &of_gmatch)
            },
        )?,
    )?;
    let of_gsub = clock.clone();
    string.raw_set(
        "gsub",
        lua.create_function(
            move |lua, arguments: (LuaString, LuaString, LuaString, Option<Integer>)| {
                gsub(lua, arguments, &of_gsub, memory)
            },
        )?,
    )?;
    let of_step = clock.clone();
    native.raw_set(
        "gsub_step",
        lua.create_function(
            move |lua, arguments: (LuaString, LuaString, bool, usize, Option<usize>)| {
                gsub_step(lua, arguments, &of_step)
            },
        )?,
    )
}

type Search = (LuaString, LuaString, Option<Integer>, Value);

/// `posrelatI` of `lstrlib.c`, from 0.
fn start(init: Option<Integer>, length: usize) -> usize {
    match init.unwrap_or(1) {
        init if init > 0 => usize::try_from(init - 1).unwrap_or(usize::MAX),
        0 => 0,
        init => {
            let back = usize::try_from(init.unsigned_abs()).unwrap_or(usize::MAX);
            length.saturating_sub(back)
        }
    }
}

fn search(lua: &Lua, arguments: &Search, find: bool, clock: &Clock) -> Result<MultiValue> {
    let (subject, pattern, init, plain) = arguments;
    let (subject, pattern) = (subject.as_bytes(), pattern.as_bytes());
    let (subject, pattern): (&[u8], &[u8]) = (&subject, &pattern);
    if subject.len() > LONG {
        clock.check_here(lua)?;
    }
    let nothing = || Ok(MultiValue::from_iter([Value::Nil]));
    let first = start(*init, subject.len());
    if first > subject.len() {
        return nothing();
    }
    let plain = !matches!(plain, Value::Nil | Value::Boolean(false));
    if find && (plain || !pattern.iter().any(|byte| SPECIALS.contains(byte))) {
        return match position(&subject[first..], pattern) {
            Some(at) => {
                let from = first + at;
                [from + 1, from + pattern.len()]
                    .into_iter()
                    .map(|place| place.into_lua(lua))
                    .collect()
            }
            None => nothing(),
        };
    }
    let anchored = pattern.first() == Some(&b'^');
    let mut matcher = Matcher::new(subject, pattern, || clock.check_here(lua));
    for at in first..=subject.len() {
        if let Some(end) = matcher.at(at, usize::from(anchored))? {
            let mut values = MultiValue::new();
            let count = match find {
                true => {
                    values.push_back((at + 1).into_lua(lua)?);
                    values.push_back(end.into_lua(lua)?);
                    matcher.levels()
                }
                false => matcher.values(),
            };
            for index in 0..count {
                let value = matcher.value(index, at, end)?;
                values.push_back(value_of(lua, subject, value)?);
            }
            return Ok(values);
        }
        if anchored {
            break;
        }
    }
    nothing()
}

/// Where `needle` begins in `text`: linear, some milliseconds for all the memory of a state.
fn position(text: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, needle)
}

fn value_of(lua: &Lua, subject: &[u8], captured: Captured) -> Result<Value> {
    match captured {
        Captured::Position(place) => place.into_lua(lua),
        Captured::Range(from, to) => lua.create_string(&subject[from..to])?.into_lua(lua),
    }
}

fn gmatch(
    lua: &Lua,
    (subject, pattern, init): (LuaString, LuaString, Option<Integer>),
    clock: &Clock,
) -> Result<Function> {
    let next = Cell::new(start(init, subject.as_bytes().len()));
    let last = Cell::new(None);
    let clock = clock.clone();
    lua.create_function(move |lua, ()| {
        let (text, pattern) = (subject.as_bytes(), pattern.as_bytes());
        let text: &[u8] = &text;
        let mut matcher = Matcher::new(text, &pattern, || clock.check_here(lua));
        for at in next.get()..text.len().saturating_add(1) {
            // an anchor has no meaning here: `^` is a character
            let found = matcher.at(at, 0)?;
            if let Some(end) = found.filter(|end| last.get() != Some(*end)) {
                next.set(end);
                last.set(Some(end));
                return (0..matcher.values())
                    .map(|index| value_of(lua, text, matcher.value(index, at, end)?))
                    .collect::<Result<MultiValue>>();
            }
        }
        next.set(usize::MAX);
        Ok(MultiValue::new())
    })
}

/// The next match of `gsub` from this place on (from 1), as the first and the last place of it and its
/// values; nothing if there is none. It does not end where the one before did.
fn gsub_step(
    lua: &Lua,
    (subject, pattern, all, at, last): (LuaString, LuaString, bool, usize, Option<usize>),
    clock: &Clock,
) -> Result<MultiValue> {
    let (subject, pattern) = (subject.as_bytes(), pattern.as_bytes());
    let (subject, pattern): (&[u8], &[u8]) = (&subject, &pattern);
    let anchored = pattern.first() == Some(&b'^');
    let mut matcher = Matcher::new(subject, pattern, || clock.check_here(lua));
    for at in at.saturating_sub(1)..=subject.len() {
        let found = matcher.at(at, usize::from(anchored))?;
        if let Some(end) = found.filter(|end| last != Some(*end)) {
            let mut values = MultiValue::new();
            values.push_back((at + 1).into_lua(lua)?);
            values.push_back(end.into_lua(lua)?);
            // a table is asked for the first value only
            let count = if all { matcher.values() } else { 1 };
            for index in 0..count {
                values.push_back(value_of(lua, subject, matcher.value(index, at, end)?)?);
            }
            return Ok(values);
        }
        if anchored {
            break;
        }
    }
    Ok(MultiValue::new())
}

fn gsub(
    lua: &Lua,
    (subject, pattern, replacement, limit): (LuaString, LuaString, LuaString, Option<Integer>),
    clock: &Clock,
    memory: usize,
) -> Result<(LuaString, Integer)> {
    let (subject, pattern) = (subject.as_bytes(), pattern.as_bytes());
    let (subject, pattern): (&[u8], &[u8]) = (&subject, &pattern);
    let replacement = replacement.as_bytes();
    let anchored = pattern.first() == Some(&b'^');
    let limit = limit.unwrap_or(Integer::MAX);
    let mut matcher = Matcher::new(subject, pattern, || clock.check_here(lua));
    let (mut at, mut last, mut count) = (0, None, 0);
    let mut built = Built {
        bytes: Vec::new(),
        memory,
    };
    while count < limit {
        let found = matcher.at(at, usize::from(anchored))?;
        if let Some(end) = found.filter(|end| last != Some(*end)) {
            count += 1;
            expand(&mut matcher, subject, (at, end), &replacement, &mut built)?;
            at = end;
            last = Some(end);
        } else if let Some(byte) = subject.get(at) {
            built.add(&[*byte])?;
            at += 1;
        } else {
            break;
        }
        if anchored {
            break;
        }
    }
    built.add(subject.get(at..).unwrap_or_default())?;
    Ok((lua.create_string(&built.bytes)?, count))
}

/// A text that is made for a state: never longer than all of its memory.
struct Built {
    bytes: Vec<u8>,
    memory: usize,
}

impl Built {
    fn add(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() > self.memory.saturating_sub(self.bytes.len()) {
            return Err(Error::runtime(format!(
                "not enough memory: a script's values may take {} bytes",
                self.memory
            )));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// `%0` to `%9` and `%%` in a replacing text.
fn expand<C: Fn() -> Result<()>>(
    matcher: &mut Matcher<'_, C>,
    subject: &[u8],
    (from, to): (usize, usize),
    text: &[u8],
    built: &mut Built,
) -> Result<()> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'%', rest) {
        matcher.step(1)?;
        built.add(&rest[..at])?;
        match rest.get(at + 1) {
            Some(b'%') => built.add(b"%")?,
            Some(b'0') => built.add(&subject[from..to])?,
            Some(digit @ b'1'..=b'9') => {
                match matcher.value(usize::from(digit - b'1'), from, to)? {
                    Captured::Position(place) => built.add(place.to_string().as_bytes())?,
                    Captured::Range(from, to) => built.add(&subject[from..to])?,
                }
            }
            _ => return Err(Error::runtime("invalid use of '%' in replacement string")),
        }
        rest = &rest[at + 2..];
    }
    built.add(rest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Calls one of the four and writes everything that it gives into one text.
    const CALL: &str = r##"
        local name, s, p, extra, init = ...
        local function told(...)
          local parts = { ... }
          for i = 1, select("#", ...) do parts[i] = math.type(parts[i]) and ("<" .. parts[i] .. ">") or tostring(parts[i]) end
          return table.concat(parts, "|")
        end
        local function all()
          if name == "find" then return told(string.find(s, p, init)) end
          if name == "plain" then return told(string.find(s, p, init, true)) end
          if name == "match" then return told(string.match(s, p, init)) end
          if name == "gsub" then return told(string.gsub(s, p, extra, init)) end
          if name == "gsub table" then return told(string.gsub(s, p, { a = "A", b = 1, ["1"] = false })) end
          if name == "gsub function" then
            local calls = {}
            local s, n = string.gsub(s, p, function(...) calls[#calls + 1] = told(...) if #calls % 2 == 0 then return #calls end end)
            return told(s, n, table.concat(calls, ";"))
          end
          local found = {}
          for a, b, c in string.gmatch(s, p, init) do found[#found + 1] = told(a, b, c) end
          return table.concat(found, ";")
        end
        local ok, e = pcall(all)
        return (ok and "" or "error: ") .. tostring(e)
    "##;

    fn told(lua: &Lua, arguments: &(String, Vec<u8>, Vec<u8>, Vec<u8>, Option<i64>)) -> String {
        let (name, s, p, extra, init) = arguments;
        let text = |bytes: &Vec<u8>| lua.create_string(bytes).unwrap();
        let given = (name.as_str(), text(s), text(p), text(extra), *init);
        let told: LuaString = lua.load(CALL).call(given).unwrap();
        let told = told.to_string_lossy();
        // where it stands and what Rust puts around it is not compared
        match told.strip_prefix("error: ") {
            None => told,
            Some(error) => {
                let error = error.lines().next().unwrap_or_default();
                let words = [
                    "malformed",
                    "unfinished",
                    "invalid",
                    "missing",
                    "pattern too",
                    "too many",
                ];
                let at = words.iter().filter_map(|word| error.find(word)).min();
                format!("error: {}", &error[at.unwrap_or(0)..])
            }
        }
    }

    fn bounded() -> Lua {
        let lua = Lua::new();
        let clock = Clock::new(Duration::from_secs(60), 1 << 24);
        super::super::bounded::alone(&lua, &clock, 1 << 24).unwrap();
        lua
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let words: Vec<&[u8]> = vec![
            b"a", b"b", b"1", b".", b"%a", b"%d", b"%s", b"%S", b"%w", b"%p", b"%x", b"%c", b"%g",
            b"%u", b"%l", b"%%", b"%.", b"[ab]", b"[^ab]", b"[a-z]", b"[%d_]", b"[]]", b"[^]]",
            b"[a-]", b"[%-a]", b"*", b"+", b"-", b"?", b"(", b")", b"()", b"(a)", b"(.-)",
            b"(%w*)", b"%1", b"%2", b"%b()", b"%bab", b"%f[%w]", b"%f[^a]", b"^", b"$", b"%", b"[",
            b"%b", b"%f", b"\0", b"\xff", b"%0", b"%z",
        ];
        prop::sample::select(words).prop_map(<[u8]>::to_vec)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

        #[test]
        fn the_bounded_functions_do_as_the_originals(
            name in prop::sample::select(vec![
                "find", "plain", "match", "gmatch", "gsub", "gsub table", "gsub function",
            ]),
            subject in prop::collection::vec(prop::sample::select(b"aab1 ()_%.-\0\xff\x0bZ".to_vec()), 0..14),
            pattern in prop::collection::vec(piece(), 0..7),
            replacement in prop::sample::select(vec![
                "", "x", "%0", "%1", "%2", "%%", "%", "<%0|%1>", "%a",
            ]),
            init in prop::option::of(-16..16_i64),
        ) {
            let arguments = (
                name.to_owned(),
                subject,
                pattern.concat(),
                replacement.as_bytes().to_vec(),
                init,
            );
            prop_assert_eq!(told(&bounded(), &arguments), told(&Lua::new(), &arguments));
        }
    }
}
