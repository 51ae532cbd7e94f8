//! The functions of the table `genesis`, and the application of a consumer.

use genesis_client::HeaderFilter;
use genesis_proto::EventName;
use mlua::{Function, Lua, Value};

use super::args::{Args, text_of};
use super::client::LuaClient;
use super::failure::{Failure, Result};
use super::object::{Begin, Begun, Class, done, now, work};
use super::{balance, queue, ring};
use crate::state::{Context, Role};

pub(crate) const FUNCTIONS: &[(&str, Begin)] = &[
    ("consumer", consumer),
    ("outbound", outbound),
    ("regex", regex),
    ("sleep", sleep),
    ("ring_group", ring::make),
    ("balancer", balance::make),
    ("queue", queue::make),
];

/// What a handler is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Name(EventName),
    Subclass(String),
    All,
}

/// A handler that a script has registered.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) wanted: Wanted,
    pub(crate) filters: Vec<HeaderFilter>,
    pub(crate) function: Function,
}

/// The application of a consumer: `genesis.consumer()`.
pub(crate) struct LuaConsumer;

impl Class for LuaConsumer {
    const NUMBER: u16 = 20;
    const NAME: &'static str = "a consumer";

    fn field(&self, lua: &Lua, name: &[u8]) -> mlua::Result<Option<Value>> {
        if name != b"client" {
            return Ok(None);
        }
        let context = super::object::context(lua)?;
        match context.client() {
            Some(client) => {
                let client = lua.create_userdata(LuaClient(client.clone()))?;
                Ok(Some(Value::UserData(client)))
            }
            None => {
                // the file is only looked at: what it defines so far is what it defines
                context.stop_probe();
                Err(mlua::Error::runtime("there is no connection yet"))
            }
        }
    }
}

impl mlua::UserData for LuaConsumer {
    fn add_methods<M: mlua::UserDataMethods<Self>>(methods: &mut M) {
        super::object::register(methods);
    }
}

pub(super) const CONSUMER: &[(&str, Begin)] = &[
    ("handle", handle),
    ("on_gap", on_gap),
    ("on_error", on_error),
];

/// `genesis.consumer()`.
fn consumer(lua: &Lua, context: &Context, _: Args) -> Begun {
    if context.role() == Role::Outbound {
        return Err(Failure::invalid(
            "this runs as an outbound application: it defines genesis.outbound(function(session) … \
             end), and no consumer",
        ));
    }
    context.define_consumer();
    now(lua, lua.create_userdata(LuaConsumer)?)
}

/// `genesis.outbound(function(session) … end)`.
fn outbound(_: &Lua, context: &Context, mut args: Args) -> Begun {
    if context.role() == Role::Consumer {
        return Err(Failure::invalid(
            "this runs as a consumer: it defines genesis.consumer(), and no outbound application",
        ));
    }
    context.define_outbound(args.function("the function that gets the session")?)?;
    Ok(super::Step::Now(mlua::MultiValue::new()))
}

/// `app:handle(name, filters, function)`, the filters may be left out.
fn handle(_: &Lua, context: &Context, mut args: Args) -> Begun {
    drop(args.this::<LuaConsumer>()?);
    let name = args.text("the name of an event")?;
    let wanted = wanted(&name)?;
    let (filters, function) = match args.next() {
        Value::Function(function) => (Vec::new(), function),
        Value::Table(filters) => {
            let function = args.function("the handler")?;
            (read_filters(&filters)?, function)
        }
        Value::Nil => (Vec::new(), args.function("the handler")?),
        other => return args.wrong("a table of filters, or the handler", &other),
    };
    context.register(Registration {
        wanted,
        filters,
        function,
    })?;
    Ok(super::Step::Now(mlua::MultiValue::new()))
}

/// `app:on_gap(function(gap) … end)`: what was missed.
fn on_gap(_: &Lua, context: &Context, mut args: Args) -> Begun {
    drop(args.this::<LuaConsumer>()?);
    let function = args.function("the function that is told")?;
    context.tell_of("on_gap", |told| &mut told.gap, function)?;
    Ok(super::Step::Now(mlua::MultiValue::new()))
}

/// `app:on_error(function(failure) … end)`: a handler that failed.
fn on_error(_: &Lua, context: &Context, mut args: Args) -> Begun {
    drop(args.this::<LuaConsumer>()?);
    let function = args.function("the function that is told")?;
    context.tell_of("on_error", |told| &mut told.error, function)?;
    Ok(super::Step::Now(mlua::MultiValue::new()))
}

/// `*` or ALL, `CUSTOM subclass`, or the name of an event.
fn wanted(name: &str) -> Result<Wanted> {
    if name == "*" || name == "ALL" {
        return Ok(Wanted::All);
    }
    if let Some(subclass) = name.strip_prefix("CUSTOM ") {
        return Ok(Wanted::Subclass(subclass.trim().to_owned()));
    }
    match EventName::from(name) {
        EventName::Other(_) if name.contains("::") => Ok(Wanted::Subclass(name.to_owned())),
        EventName::Other(_) => Err(Failure::invalid(format!(
            "handle: there is no event {name:?}; CHANNEL_ANSWER is one, a CUSTOM one is handled as \
             \"CUSTOM sofia::register\", all are \"*\""
        ))),
        name => Ok(Wanted::Name(name)),
    }
}

fn read_filters(table: &mlua::Table) -> Result<Vec<HeaderFilter>> {
    let mut filters = Vec::new();
    for pair in table.pairs::<Value, Value>() {
        let (header, value) = pair?;
        let Value::String(header) = &header else {
            return Err(Failure::invalid(
                "handle: filters are a table of values by header, [\"Call-Direction\"] = \"inbound\"",
            ));
        };
        let header = header.to_string_lossy();
        let regex = value.as_userdata();
        let regex = regex.and_then(|object| object.borrow::<LuaRegex>().ok());
        filters.push(match (regex, &value, text_of(&value)) {
            (Some(regex), _, _) => HeaderFilter::matching(header, &regex.0)?,
            (_, Value::Boolean(true), _) => HeaderFilter::present(header),
            (_, _, Some(text)) => HeaderFilter::equal(header, text),
            _ => {
                return Err(Failure::invalid(format!(
                    "handle: the filter of {header} must be a string, genesis.regex(…), or true"
                )));
            }
        });
    }
    Ok(filters)
}

/// A regular expression for filters.
pub(crate) struct LuaRegex(String);

impl mlua::UserData for LuaRegex {}

/// The longest regular expression: some milliseconds to compile.
const REGEX: usize = 4096;

/// `genesis.regex("^10")`. It is compiled here, so that what is wrong with it is told here.
fn regex(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let text = args.text("a regular expression")?;
    if text.len() > REGEX {
        return Err(Failure::invalid(format!(
            "regex: the expression is {} bytes long; at most {REGEX} are read",
            text.len()
        )));
    }
    HeaderFilter::matching("x", &text)?;
    now(lua, lua.create_userdata(LuaRegex(text))?)
}

/// `genesis.sleep(seconds)`: others run meanwhile.
fn sleep(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let time = args.seconds("the time")?;
    work(async move {
        if time.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(time).await;
        }
        Ok(done())
    })
}
