//! `string.find`, `match`, `gmatch` and `gsub`, bounded in time and memory.

use std::cell::Cell;

use mlua::{Error, Function, Integer, IntoLua, Lua, LuaString, MultiValue, Result, Table, Value};

use super::clock::Clock;
use super::matcher::{Captured, Matcher};

/// Characters that make a pattern more than a text.
const SPECIALS: &[u8] = b"^$*+?.([%-";

/// Replaces the four functions in the table `string`.
pub(super) fn install(lua: &Lua, clock: &Clock, memory: usize) -> Result<()> {
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
            move |lua, arguments: (LuaString, LuaString, Value, Option<Integer>)| {
                gsub(lua, arguments, &of_gsub, memory)
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

/// Where `needle` begins in `text`. Bounded by the memory of the state, so it needs no clock.
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

/// What a match is replaced with.
enum Replacement {
    Text(Vec<u8>),
    Table(Table),
    Function(Function),
}

fn gsub(
    lua: &Lua,
    (subject, pattern, replacement, limit): (LuaString, LuaString, Value, Option<Integer>),
    clock: &Clock,
    memory: usize,
) -> Result<(LuaString, Integer)> {
    let replacement = match replacement {
        Value::Table(table) => Replacement::Table(table),
        Value::Function(function) => Replacement::Function(function),
        other => {
            let kind = other.type_name();
            let text = match other {
                Value::String(_) | Value::Integer(_) | Value::Number(_) => {
                    lua.coerce_string(other)?
                }
                _ => None,
            };
            match text {
                Some(text) => Replacement::Text(text.as_bytes().to_vec()),
                None => {
                    return Err(Error::runtime(format!(
                        "bad argument #3 to 'gsub' (string/function/table expected, got {kind})"
                    )));
                }
            }
        }
    };
    // the borrow would forbid the replacing function nothing, but it must outlive its calls
    let (subject, pattern) = (subject.as_bytes(), pattern.as_bytes());
    let (subject, pattern): (&[u8], &[u8]) = (&subject, &pattern);
    let anchored = pattern.first() == Some(&b'^');
    let limit = limit.unwrap_or(Integer::MAX);
    let mut matcher = Matcher::new(subject, pattern, || clock.check_here(lua));
    let (mut at, mut last, mut count) = (0, None, 0);
    let mut built = Vec::new();
    while count < limit {
        let found = matcher.at(at, usize::from(anchored))?;
        if let Some(end) = found.filter(|end| last != Some(*end)) {
            count += 1;
            replace(lua, &matcher, subject, (at, end), &replacement, &mut built)?;
            if built.len() > memory {
                return Err(Error::runtime(format!(
                    "not enough memory: a script's values may take {memory} bytes"
                )));
            }
            at = end;
            last = Some(end);
        } else if let Some(byte) = subject.get(at) {
            built.push(*byte);
            at += 1;
        } else {
            break;
        }
        if anchored {
            break;
        }
    }
    built.extend_from_slice(subject.get(at..).unwrap_or_default());
    Ok((lua.create_string(&built)?, count))
}

fn replace<C: Fn() -> Result<()>>(
    lua: &Lua,
    matcher: &Matcher<'_, C>,
    subject: &[u8],
    (from, to): (usize, usize),
    replacement: &Replacement,
    built: &mut Vec<u8>,
) -> Result<()> {
    let value: Value = match replacement {
        Replacement::Text(text) => {
            return expand(matcher, subject, (from, to), text, built);
        }
        Replacement::Table(table) => {
            table.get(value_of(lua, subject, matcher.value(0, from, to)?)?)?
        }
        Replacement::Function(function) => {
            let values = (0..matcher.values())
                .map(|index| value_of(lua, subject, matcher.value(index, from, to)?))
                .collect::<Result<MultiValue>>()?;
            function.call(values)?
        }
    };
    match value {
        Value::Nil | Value::Boolean(false) => built.extend_from_slice(&subject[from..to]),
        value @ (Value::String(_) | Value::Integer(_) | Value::Number(_)) => {
            if let Some(text) = lua.coerce_string(value)? {
                built.extend_from_slice(&text.as_bytes());
            }
        }
        other => {
            return Err(Error::runtime(format!(
                "invalid replacement value (a {})",
                other.type_name()
            )));
        }
    }
    Ok(())
}

/// `%0` to `%9` and `%%` in a replacing text.
fn expand<C: Fn() -> Result<()>>(
    matcher: &Matcher<'_, C>,
    subject: &[u8],
    (from, to): (usize, usize),
    text: &[u8],
    built: &mut Vec<u8>,
) -> Result<()> {
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            built.push(*byte);
            continue;
        }
        match bytes.next() {
            Some(b'%') => built.push(b'%'),
            Some(b'0') => built.extend_from_slice(&subject[from..to]),
            Some(digit @ b'1'..=b'9') => {
                match matcher.value(usize::from(digit - b'1'), from, to)? {
                    Captured::Position(place) => {
                        built.extend_from_slice(place.to_string().as_bytes());
                    }
                    Captured::Range(from, to) => built.extend_from_slice(&subject[from..to]),
                }
            }
            _ => return Err(Error::runtime("invalid use of '%' in replacement string")),
        }
    }
    Ok(())
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
        install(&lua, &Clock::new(Duration::from_secs(60), 1 << 24), 1 << 24).unwrap();
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
