//! Errors with the way to them.

use mlua::{Error, Lua, LuaString, Value};

use super::names::Names;
use crate::api::failure::Failure;

/// A script's error, as it is told: message, traceback, and what an operation had said.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    /// `path:line: what`.
    pub(crate) message: String,
    /// The lines of the stack, from the innermost; may be empty.
    pub(crate) traceback: String,
    /// Set when an operation failed and the script did not catch it.
    pub(crate) failure: Option<Failure>,
}

impl Trouble {
    pub(crate) fn text(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            traceback: String::new(),
            failure: None,
        }
    }

    /// The channel that was waited for has hung up.
    pub(crate) fn is_hung_up(&self) -> bool {
        let failure = self.failure.as_ref();
        failure.is_some_and(Failure::is_hung_up)
    }
}

/// Lines of a traceback that are Genesis' own.
const OWN: &[&str] = &[
    "__mlua_async_poll",
    "'xpcall'",
    "[C]: in ?",
    "in upvalue '?'",
];

/// Makes trouble of an error value, with the traceback of the stack as it is now.
pub(crate) fn trouble(lua: &Lua, names: &Names, value: &Value) -> Trouble {
    let failure = failure_of(value);
    let message = names.expand(&message_of(value));
    let stack = lua.traceback(None, 1).map(|text| text.to_string_lossy());
    Trouble {
        message,
        traceback: names.expand(&tidy(&stack.unwrap_or_default())),
        failure,
    }
}

/// The traceback without Genesis' own frames.
pub(crate) fn tidy(stack: &str) -> String {
    let lines = stack.lines().filter(|line| {
        let line = line.trim();
        // the prelude has no names
        let own = line.starts_with("?:") || OWN.iter().any(|own| line.contains(own));
        !line.is_empty() && line != "stack traceback:" && !own
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn failure_of(value: &Value) -> Option<Failure> {
    let object = value.as_userdata()?;
    object
        .borrow::<Failure>()
        .ok()
        .map(|failure| failure.clone())
}

/// An error value as a text.
pub(crate) fn message_of(value: &Value) -> String {
    match value {
        Value::Error(error) => error_text(error),
        Value::String(text) => text.to_string_lossy(),
        Value::Table(_) | Value::UserData(_) => value
            .to_string()
            .unwrap_or_else(|_| format!("an error that is a {}", value.type_name())),
        other => format!("an error that is a {}", other.type_name()),
    }
}

/// What the script's `pcall` gets: texts for errors of Rust functions, all else as it is.
pub(crate) fn explained(lua: &Lua, names: &Names, value: Value) -> mlua::Result<Value> {
    match &value {
        Value::Error(error) => {
            let text = names.expand(&error_text(error));
            Ok(Value::String(lua.create_string(text)?))
        }
        Value::String(text) if !names.is_empty() => {
            let text: &LuaString = text;
            let expanded = names.expand(&text.to_string_lossy());
            Ok(Value::String(lua.create_string(expanded)?))
        }
        _ => Ok(value),
    }
}

/// The innermost cause, with the place in the script that it came from.
fn error_text(error: &Error) -> String {
    match error {
        Error::CallbackError { traceback, cause } => {
            let text = error_text(cause);
            if super::names::place_of(&text).is_some() {
                return text;
            }
            match place_in(traceback) {
                Some(place) => format!("{place}: {text}"),
                None => text,
            }
        }
        Error::RuntimeError(text) | Error::MemoryError(text) => text.clone(),
        Error::SyntaxError { message, .. } => message.clone(),
        Error::WithContext { context, cause } => format!("{context}: {}", error_text(cause)),
        other => other.to_string(),
    }
}

/// The first line of the stack that is the script's: `path:line`.
pub(super) fn place_in(stack: &str) -> Option<String> {
    tidy(stack).lines().find_map(|line| {
        let line = line.trim();
        if line.starts_with("[C]") {
            return None;
        }
        let (path, number) = super::names::place_of(line)?;
        Some(format!("{}:{number}", path.display()))
    })
}

/// Where the script is now: `path:line`.
pub(crate) fn place(lua: &Lua, names: &Names) -> Option<String> {
    let stack = lua.traceback(None, 0).ok()?;
    place_in(&stack.to_string_lossy()).map(|place| names.expand(&place))
}
