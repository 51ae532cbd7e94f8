//! `genesis.span(name, attributes, function)`.

use genesis_client::observe::Connection;
use mlua::{Function, Lua, MultiValue, Table, Value};

use super::args::text_of;
use super::object::context;
use crate::state::trace::message_of;

/// Calls `function`, an `xpcall`, as a span of the trace, below the one that is current.
pub(crate) async fn span(
    lua: Lua,
    (name, attributes, function, arguments): (String, Option<Table>, Function, MultiValue),
) -> mlua::Result<MultiValue> {
    let context = context(&lua)?;
    let shared = context.shared().clone();
    let word = |text: &str| {
        let word = shared.word(text);
        word.map_err(|failure| mlua::Error::runtime(failure.to_string()))
    };
    let observe: Connection = context.observe();
    let operation = observe.operation(word(&name)?, None);
    for pair in attributes.iter().flat_map(Table::pairs::<String, Value>) {
        let (key, value) = pair?;
        let key = word(&key)?;
        match &value {
            Value::Boolean(flag) => operation.flag(key, *flag),
            Value::Integer(number) if *number >= 0 => operation.number(key, number.unsigned_abs()),
            value => match text_of(value) {
                Some(text) => operation.text(key, &text),
                None => {
                    return Err(mlua::Error::runtime(format!(
                        "genesis.span: attribute {key} must be a string, a number or a boolean"
                    )));
                }
            },
        }
    }
    let done: mlua::Result<MultiValue> = operation.run(function.call_async(arguments)).await;
    match &done {
        Ok(values) if values.front() == Some(&Value::Boolean(true)) => operation.succeeded(),
        Ok(values) => {
            let message = values.get(1).map(message_of);
            operation.failed("script", &message.unwrap_or_default());
        }
        Err(error) => operation.failed("script", error),
    }
    done
}
