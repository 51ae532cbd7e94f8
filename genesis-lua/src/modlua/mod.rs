//! The `session` and `freeswitch` objects of mod_lua.
//!
//! Their methods are written in Lua (`*.lua` here), as loops over a few operations on a leg: so the
//! hangup hook and the input callback run where mod_lua runs them, inside the method that waits.

mod calls;
mod events;
mod json;
mod leg;
mod support;

use genesis_client::Session;
use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaString, Result, Value};

use crate::api::LuaSession;
use crate::api::failure::Failure;
use crate::api::object::Begin;
use crate::state::State;

use leg::Leg;

/// The place of [`OPERATIONS`] among the classes of the API.
const NUMBER: u16 = 22;

/// What the methods are made of.
pub(crate) const OPERATIONS: &[(&str, Begin)] = &[
    ("start", leg::start),
    ("next", leg::next),
    ("api", leg::api),
    ("get_variable", leg::get_variable),
    ("set_variable", leg::set_variable),
    ("hangup", leg::hangup),
    ("transfer", leg::transfer),
    ("resume", leg::resume),
    ("bridge", calls::bridge),
    ("originate", calls::originate),
    ("attach", calls::attach),
    ("wait_for_answer", calls::wait_for_answer),
    ("fire", events::fire),
    ("bind", events::bind),
    ("pop", events::pop),
];

/// The methods, in the order in which they are run.
const PARTS: &[(&str, &str)] = &[
    ("core", include_str!("core.lua")),
    ("session", include_str!("session.lua")),
    ("freeswitch", include_str!("freeswitch.lua")),
    ("play", include_str!("play.lua")),
    ("more", include_str!("more.lua")),
    ("media", include_str!("media.lua")),
    ("event", include_str!("event.lua")),
    ("classes", include_str!("classes.lua")),
];

/// So many of them are run at the start, the others when they are needed.
const AT_START: usize = 3;

/// The methods as bytecode, without the names of their lines, which no script needs to see.
pub(crate) fn compile() -> Result<Vec<Vec<u8>>> {
    let lua = Lua::new();
    let compiled = PARTS.iter().map(|(_, source)| {
        let chunk = lua.load(*source).set_name("=genesis mod_lua");
        Ok(chunk.into_function()?.dump(true))
    });
    compiled.collect()
}

/// Puts the objects into a state, before its file runs.
pub(crate) fn install(state: &State, session: &LuaSession) -> Result<()> {
    let (lua, context) = (&state.lua, &state.context);
    let native = lua.create_table()?;
    let method = context.method()?;
    for (at, (name, _)) in (0..).zip(OPERATIONS) {
        native.raw_set(*name, method.call::<Function>(NUMBER * 64 + at)?)?;
    }
    native.raw_set("look", lua.create_function(leg::look)?)?;
    native.raw_set("take", lua.create_function(leg::take)?)?;
    native.raw_set("keep", lua.create_function(leg::keep)?)?;
    native.raw_set("nearest", lua.create_function(support::nearest)?)?;
    native.raw_set("argument", lua.create_function(support::argument)?)?;
    native.raw_set(
        "milliseconds",
        lua.create_function(support::milliseconds())?,
    )?;
    native.raw_set("epoch", lua.create_function(support::epoch)?)?;
    native.raw_set("event_name", lua.create_function(support::event_name)?)?;
    let mut exit = Failure::gone();
    exit.kind = "exit";
    exit.message = "the hangup hook ended the script".to_owned();
    native.raw_set("exit", lua.create_userdata(exit)?)?;
    let clock = context.clock().clone();
    let encode = move |lua: &Lua, arguments| json::encode(lua, &clock, arguments);
    native.raw_set("json_encode", lua.create_function(encode)?)?;
    let clock = context.clock().clone();
    let decode = move |lua: &Lua, text: LuaString| json::decode(lua, &clock, &text);
    native.raw_set("json_decode", lua.create_function(decode)?)?;
    let of_place = context.clone();
    let tell = move |lua: &Lua, (level, text): (u8, LuaString)| {
        of_place.log(lua, level, &text.to_string_lossy());
        Ok(())
    };
    native.raw_set("log", lua.create_function(tell)?)?;
    let of_callback = context.clone();
    let failed = move |lua: &Lua, value: Value| {
        let trouble = of_callback.trouble_of(lua, &value);
        of_callback.tell(&trouble, "a callback of the script failed");
        Ok(())
    };
    native.raw_set("failed", lua.create_function(failed)?)?;
    native.raw_set("instead", lua.create_function(support::instead)?)?;
    let (of_part, shared) = (context.code().clone(), native.clone());
    let run_part = move |lua: &Lua, name: String| {
        let at = PARTS.iter().position(|(part, _)| *part == name);
        match at.and_then(|at| of_part.modlua.get(at)) {
            Some(bytecode) => {
                let chunk = lua.load(&**bytecode).set_mode(ChunkMode::Binary);
                chunk.call::<()>(&shared)
            }
            None => Ok(()),
        }
    };
    native.raw_set("run_part", lua.create_function(run_part)?)?;
    native.raw_set("leg", Leg::own(session))?;
    native.raw_set("script", context.code().name())?;
    let mut finish = None;
    for bytecode in context.code().modlua.iter().take(AT_START) {
        let chunk = lua.load(&**bytecode).set_mode(ChunkMode::Binary);
        finish = chunk.call(&native)?;
    }
    if let Some(finish) = finish {
        // it runs when the file has
        let defined = context.define_outbound(finish);
        defined.map_err(|failure| mlua::Error::runtime(failure.to_string()))?;
    }
    linger(state, session);
    // what ran once is not needed again
    lua.gc_collect()
}

/// The connection outlives the call, as the script does: hooks and APIs still work then.
fn linger(state: &State, session: &LuaSession) {
    let session: std::sync::Arc<Session> = session.session.clone();
    state.context.remote().detach(async move {
        // a socket without `full` cannot: there the connection ends with the call
        if let Err(error) = session.linger(Some(support::LINGER)).await {
            tracing::debug!(target: "genesis_lua", %error, "the connection ends with the call");
        }
    });
}
