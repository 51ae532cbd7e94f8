//! What a script may not have, with the reason, and what it may have only so much of.

use mlua::{Error, Function, Lua, Result, Value, Variadic};

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
