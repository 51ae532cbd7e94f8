//! Errors with the way to them.

use mlua::{Error, Lua, LuaString, Table, Value};

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
    let stack = lua.traceback(None, 1).map(|text| text.to_string_lossy());
    let stack = stack.unwrap_or_default();
    let message = told(&shown(value));
    let message = match super::names::place_of(&message) {
        Some(_) => message,
        None if message == NO_MEMORY => message,
        None => match place_in(&stack) {
            Some(place) => format!("{place}: {message}"),
            None => message,
        },
    };
    Trouble {
        message: names.expand(&message),
        traceback: names.expand(&tidy(&stack)),
        failure,
    }
}

/// What Lua says; where the values grew is told instead of where it was said.
const NO_MEMORY: &str = "not enough memory";

/// What Lua puts before errors of functions without names: those of Genesis.
const NAMELESS: &str = "?:-1: ";

/// What it says when a function that C has called wants to wait.
const CANNOT_YIELD: &[&str] = &[
    "attempt to yield across a C-call boundary",
    "attempt to yield from outside a coroutine",
];

/// A message of this many bytes is shown, and no more.
const SHOWN: usize = 16_384;

/// So many fields of a table that was raised.
const FIELDS: usize = 8;

/// A message as people get it.
fn told(message: &str) -> String {
    let message = message.strip_prefix(NAMELESS).unwrap_or(message);
    for words in CANNOT_YIELD {
        if let Some(before) = message.strip_suffix(words) {
            return format!(
                "{before}an operation cannot wait here: a function that Lua's own functions call \
                 (__tostring, a reader of load) cannot wait; do the operation before"
            );
        }
    }
    if message.len() <= SHOWN {
        return message.to_owned();
    }
    let mut end = SHOWN;
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let more = message.len() - end;
    format!("{}… ({more} more bytes)", &message[..end])
}

/// An error value as a text; the script's `__tostring` is asked, and its time counts.
fn shown(value: &Value) -> String {
    let Value::Table(table) = value else {
        return message_of(value);
    };
    let own = table.metatable().and_then(|meta| {
        let to_string: mlua::Function = meta.raw_get("__tostring").ok()?;
        let text: LuaString = to_string.call(table).ok()?;
        Some(text.to_string_lossy())
    });
    own.unwrap_or_else(|| {
        let fields = fields_of(table);
        format!("an error that is a table: {fields}")
    })
}

/// A table's first fields, without what is in tables in it.
fn fields_of(table: &Table) -> String {
    let (mut fields, mut named) = (Vec::new(), Vec::new());
    for pair in table.pairs::<Value, Value>() {
        let Ok((key, value)) = pair else { break };
        if fields.len() + named.len() == FIELDS {
            named.sort();
            named.push("…".to_owned());
            break;
        }
        match &key {
            Value::Integer(_) => fields.push(brief(&value)),
            Value::String(name) if name.as_bytes().len() <= 200 => {
                named.push(format!("{} = {}", name.to_string_lossy(), brief(&value)));
            }
            other => named.push(format!("[{}] = {}", brief(other), brief(&value))),
        }
    }
    if fields.len() + named.len() < FIELDS {
        named.sort();
    }
    fields.append(&mut named);
    match fields.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", fields.join(", ")),
    }
}

fn brief(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.as_bytes().len() <= 200 => {
            format!("{:?}", text.to_string_lossy())
        }
        Value::String(text) => format!("a string of {} bytes", text.as_bytes().len()),
        other => format!("a {}", other.type_name()),
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

/// An error value as a text. Nothing of the script runs.
pub(crate) fn message_of(value: &Value) -> String {
    match value {
        Value::Error(error) => error_text(error),
        Value::String(text) => text.to_string_lossy(),
        Value::UserData(object) => match object.borrow::<Failure>() {
            Ok(failure) => failure.to_string(),
            Err(_) => "an error that is an object".to_owned(),
        },
        Value::Nil => "an error that is nil".to_owned(),
        Value::Boolean(_) | Value::Integer(_) | Value::Number(_) => {
            format!("an error that is a {}: {}", value.type_name(), brief(value))
        }
        other => format!("an error that is a {}", other.type_name()),
    }
}

/// What the script's `pcall` gets: texts for errors of Rust functions, all else as it is.
pub(crate) fn explained(lua: &Lua, names: &Names, value: Value) -> mlua::Result<Value> {
    let text = match &value {
        Value::UserData(object) => match object.borrow::<Trouble>() {
            Ok(trouble) => trouble.message.clone(),
            Err(_) => return Ok(value.clone()),
        },
        Value::Error(error) => names.expand(&told(&error_text(error))),
        Value::String(text) => {
            let bytes = text.as_bytes();
            let begins = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
            let waits = CANNOT_YIELD.iter().any(|words| begins.ends_with(words));
            let is_short = bytes.len() <= SHOWN;
            if !is_short || !(waits || begins.starts_with(NAMELESS) || !names.is_empty()) {
                return Ok(value.clone());
            }
            // as it is, unless it is text
            if begins.contains(char::REPLACEMENT_CHARACTER) {
                return Ok(value.clone());
            }
            names.expand(&told(&begins))
        }
        _ => return Ok(value),
    };
    Ok(Value::String(lua.create_string(text)?))
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
