//! What a script may not have, with the reason, and what it may have only so much of.

use mlua::{Error, Function, Integer, Lua, Result, Table, Value, Variadic};

use super::clock::Clock;

/// What is not there, by library, and why.
const ABSENT: &[(&str, &str, &str)] = &[
    (
        "os",
        "exit",
        "it would end every call of the process; return from the handler instead",
    ),
    (
        "os",
        "execute",
        "a program would stop every call of the thread; use an api or a service",
    ),
    ("os", "remove", "a script has no access to files"),
    ("os", "rename", "a script has no access to files"),
    ("os", "tmpname", "a script has no access to files"),
    ("os", "setlocale", "the locale belongs to the whole process"),
    ("string", "dump", "bytecode cannot be loaded"),
    (
        "package",
        "loadlib",
        "C modules can do anything to the process",
    ),
    (
        "package",
        "cpath",
        "C modules can do anything to the process",
    ),
    (
        "package",
        "path",
        "require finds the modules of the application's folder only",
    ),
    (
        "package",
        "preload",
        "require finds the modules of the application's folder only",
    ),
    (
        "package",
        "searchers",
        "require finds the modules of the application's folder only",
    ),
    (
        "package",
        "searchpath",
        "require finds the modules of the application's folder only",
    ),
    (
        "dofile",
        "",
        "use require, which finds the modules of the application's folder",
    ),
    (
        "loadfile",
        "",
        "use require, which finds the modules of the application's folder",
    ),
];

/// Libraries of which nothing is there.
const ABSENT_LIBRARIES: &[(&str, &str)] = &[
    (
        "io",
        "reading or writing a file would stop every call of the thread; use genesis.log, or variables of the call",
    ),
    ("debug", "it could take the limits of the script off"),
];

/// A function that fails with the name of what was asked for and why it is not there. For a library
/// it is the `__index` of its table, for a function it takes the function's place.
pub(super) fn absent(lua: &Lua, library: &str) -> Result<Function> {
    let library = library.to_owned();
    let is_function = ABSENT
        .iter()
        .any(|(of, name, _)| *of == library && name.is_empty());
    lua.create_function(move |_, arguments: Variadic<Value>| {
        let key = match arguments.get(1) {
            Some(Value::String(key)) if !is_function => key.to_string_lossy(),
            _ => String::new(),
        };
        let whole = ABSENT_LIBRARIES.iter().find(|(name, _)| *name == library);
        let one = ABSENT
            .iter()
            .find(|(of, name, _)| *of == library && *name == key);
        let reason = match (whole, one) {
            (Some((_, reason)), _) | (_, Some((_, _, reason))) => reason,
            _ => return Ok(Value::Nil),
        };
        let name = match key.is_empty() {
            true => library.clone(),
            false => format!("{library}.{key}"),
        };
        Err(Error::runtime(format!("{name} is not available: {reason}")))
    })
}

/// Takes out what the standard libraries brought.
pub(super) fn strip(lua: &Lua) -> Result<()> {
    for (library, name, _) in ABSENT {
        if let Value::Table(table) = lua.globals().get::<Value>(*library)? {
            table.raw_remove(*name)?;
        }
    }
    Ok(())
}

/// Refuses what would run for hours inside one instruction: tables and texts that say they are
/// longer than any memory.
pub(super) fn guard(
    lua: &Lua,
    clock: &Clock,
    memory: usize,
    (name, arguments): (String, Variadic<Value>),
) -> Result<()> {
    clock.check_here(lua)?;
    let number = |at: usize| match arguments.get(at) {
        Some(Value::Integer(number)) => Some(*number),
        Some(Value::Number(number)) => Some(*number as Integer),
        _ => None,
    };
    // a place in a table takes 16 bytes
    let most = Integer::try_from(memory).unwrap_or(Integer::MAX);
    let too_long = match &*name {
        "move" => match (number(1), number(2)) {
            (Some(first), Some(last)) => last.saturating_sub(first) > most,
            _ => false,
        },
        "rep" => {
            let text = arguments.first().and_then(Value::as_string);
            let length = text.map_or(0, |text| text.as_bytes().len()).max(1);
            let length = Integer::try_from(length).unwrap_or(Integer::MAX);
            let whole = number(1).unwrap_or(0).max(0).saturating_mul(length);
            clock
                .memory()
                .look(lua, usize::try_from(whole).unwrap_or(usize::MAX));
            whole > most
        }
        _ => match arguments.first() {
            Some(Value::Table(table)) => pretends(table, most)?,
            _ => false,
        },
    };
    if too_long {
        return Err(Error::runtime(format!(
            "'{name}' of more than {most} elements: not enough memory: a script's values may take \
             {most} bytes"
        )));
    }
    Ok(())
}

/// A table whose `__len` says more than can be.
fn pretends(table: &Table, most: Integer) -> Result<bool> {
    match table.metatable() {
        Some(meta) if meta.raw_get::<Value>("__len")? != Value::Nil => Ok(table.len()? > most),
        _ => Ok(false),
    }
}

/// `collectgarbage`: what cannot take the collector away.
pub(super) fn collectgarbage(lua: &Lua, clock: &Clock, what: Option<String>) -> Result<Value> {
    clock.check_here(lua)?;
    match what.as_deref().unwrap_or("collect") {
        "collect" => {
            lua.gc_collect()?;
            Ok(Value::Integer(0))
        }
        "step" => Ok(Value::Boolean(lua.gc_step()?)),
        "count" => Ok(Value::Number(lua.used_memory() as f64 / 1024.0)),
        "isrunning" => Ok(Value::Boolean(true)),
        other => Err(Error::runtime(format!(
            "collectgarbage(\"{other}\") is not available: \"collect\", \"step\" and \"count\" are"
        ))),
    }
}
