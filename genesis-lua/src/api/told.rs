//! What a consumer is told besides its events: `app:on_gap(f)` and `app:on_error(f)`.

use std::time::Duration;

use genesis_client::observe::HandlerError;
use genesis_client::{FailureCause, HandlerFailure, Lane, Missed};
use mlua::{IntoLua, IntoLuaMulti, Lua, Table};

use super::event::LuaEvent;
use super::failure::{Failure, Result};
use super::object::Answer;
use crate::state::Caller;

/// The functions that are told, if the file has set them.
#[derive(Clone, Default)]
pub(crate) struct Told {
    pub(crate) gap: Option<Caller>,
    pub(crate) error: Option<Caller>,
}

impl Told {
    /// Puts a function in its place; there is one.
    pub(crate) fn set(place: &mut Option<Caller>, method: &str, caller: Caller) -> Result<()> {
        if place.is_some() {
            return Err(Failure::invalid(format!(
                "{method} has been called already"
            )));
        }
        *place = Some(caller);
        Ok(())
    }
}

/// The table that says what was missed.
pub(crate) fn missed(missed: Missed) -> Answer {
    Box::new(move |lua| gap_table(lua, &missed)?.into_lua_multi(lua))
}

fn gap_table(lua: &Lua, missed: &Missed) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    match missed {
        Missed::Gap(gap) => {
            table.raw_set("kind", "gap")?;
            table.raw_set("duration", gap.duration.as_secs_f64())?;
            table.raw_set("reason", gap.reason.to_string())?;
            table.raw_set("attempts", gap.attempts)?;
        }
        Missed::Lagged { count, lane } => {
            table.raw_set("kind", "lagged")?;
            table.raw_set("count", *count)?;
            match lane {
                Some(Lane::Channel(uuid)) => table.raw_set("uuid", &**uuid)?,
                Some(Lane::Name(name)) => table.raw_set("name", &**name)?,
                Some(Lane::Subclass(subclass)) => table.raw_set("subclass", &**subclass)?,
                _ => {}
            }
        }
        _ => table.raw_set("kind", "other")?,
    }
    Ok(table)
}

/// The table that says which handler failed, and why.
pub(crate) fn failed(failure: HandlerFailure) -> Answer {
    Box::new(move |lua| {
        let table = lua.create_table()?;
        let (kind, message, traceback) = cause(&failure.cause);
        table.raw_set("kind", kind)?;
        table.raw_set("message", message)?;
        table.raw_set("traceback", traceback)?;
        table.raw_set("event", LuaEvent::from(failure.event).into_lua(lua)?)?;
        table.into_lua_multi(lua)
    })
}

fn cause(cause: &FailureCause) -> (&'static str, String, Option<String>) {
    match cause {
        FailureCause::Error(error) => {
            let stack = error.downcast_ref::<HandlerError>();
            let stack = stack.map(|error| error.stack().to_owned());
            ("error", error.to_string(), stack)
        }
        FailureCause::Timeout(after) => ("timeout", cancelled(*after), None),
        other => ("panic", other.to_string(), None),
    }
}

fn cancelled(after: Duration) -> String {
    format!("the handler was stopped after {after:?}")
}
