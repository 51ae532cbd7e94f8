//! `genesis.span(name, attributes, function)`.

use std::future::{Future, poll_fn};
use std::task::Poll;

use genesis_client::observe::Attribute;
use mlua::{Function, Lua, MultiValue, Table, Value};

use super::args::{check_bulk, text_of};
use super::object::context;
use crate::state::trace::message_of;

/// The value of an attribute.
enum Given {
    Text(String),
    Other(Attribute<'static>),
}

impl Given {
    fn as_attribute(&self) -> Attribute<'_> {
        match self {
            Self::Text(text) => Attribute::Text(text),
            Self::Other(other) => *other,
        }
    }
}

/// So many spans are inside each other, at most.
const DEPTH: usize = 100;

/// Calls `function`, an `xpcall`, as a span of the trace, below the one that is current.
pub(crate) async fn span(
    lua: Lua,
    (name, attributes, function, arguments): (String, Option<Table>, Function, MultiValue),
) -> mlua::Result<MultiValue> {
    let context = context(&lua)?;
    let given = given(attributes.as_ref())?;
    let given: Vec<(&str, Attribute<'_>)> = given
        .iter()
        .map(|(key, value)| (&**key, value.as_attribute()))
        .collect();
    let operation = context.observe().span(&name, &given);
    let mut running = std::pin::pin!(operation.run(function.call_async(arguments)));
    // each span inside another is polled inside of it, on one stack
    let done: mlua::Result<MultiValue> = poll_fn(|task| {
        let depth = context.nested.get();
        if depth >= DEPTH {
            let text = format!("genesis.span: stack overflow: {DEPTH} spans are inside each other");
            return Poll::Ready(Err(mlua::Error::runtime(text)));
        }
        context.nested.set(depth + 1);
        let polled = running.as_mut().poll(task);
        context.nested.set(depth);
        polled
    })
    .await;
    match &done {
        Ok(values) if values.front() == Some(&Value::Boolean(true)) => operation.succeeded(),
        Ok(values) => {
            let message = values.get(1).map(message_of).unwrap_or_default();
            let message = context.names().expand(&message);
            let stack = context.stack_of(&message).unwrap_or_default();
            operation.failed_at("script", &message, &stack);
        }
        Err(error) => operation.failed("script", error),
    }
    done
}

fn given(attributes: Option<&Table>) -> mlua::Result<Vec<(String, Given)>> {
    if let Some(table) = attributes {
        let checked = check_bulk("genesis.span", table);
        checked.map_err(|failure| mlua::Error::runtime(failure.to_string()))?;
    }
    let pairs = attributes
        .into_iter()
        .flat_map(Table::pairs::<String, Value>);
    pairs
        .map(|pair| {
            let (key, value) = pair?;
            let given = match &value {
                Value::Boolean(flag) => Given::Other(Attribute::Flag(*flag)),
                Value::Integer(number) => Given::Other(Attribute::Number(*number)),
                Value::Number(number) => Given::Other(Attribute::Decimal(*number)),
                value => match text_of(value) {
                    Some(text) => Given::Text(text),
                    None => {
                        return Err(mlua::Error::runtime(format!(
                            "genesis.span: attribute {key} must be a string, a number or a boolean"
                        )));
                    }
                },
            };
            Ok((key, given))
        })
        .collect()
}
