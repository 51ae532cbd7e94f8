//! `session`: a call that the switch handed over.

use std::sync::Arc;
use std::time::Duration;

use genesis_client::Session;
use mlua::Lua;

use super::args::Args;
use super::channel::LuaChannel;
use super::client::LuaClient;
use super::event::LuaEvent;
use super::failure::Result;
use super::object::{Begin, Begun, class, done, now, text, work};
use crate::state::Context;

/// A session as scripts have it.
#[derive(Clone, Debug)]
pub(crate) struct LuaSession {
    pub(crate) session: Arc<Session>,
    pub(crate) channel: LuaChannel,
}

class!(LuaSession, 3, "a session", |this, lua| {
    "channel" => this.channel.clone(),
    "client" => LuaClient(this.session.client().clone()),
    "uuid" => this.session.uuid(),
    "mode" => this.session.client().socket_mode().map(text),
    "data" => LuaEvent::from(this.session.channel_data_event().clone()),
});

pub(super) const METHODS: &[(&str, Begin)] = &[
    ("header", header),
    ("variable", variable),
    ("resume", resume),
    ("linger", linger),
];

fn this(args: &mut Args) -> Result<Arc<Session>> {
    Ok(args.this::<LuaSession>()?.session.clone())
}

/// As it was when the call came in.
fn header(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let session = this(&mut args)?;
    let name = args.text("the name of a header")?;
    now(lua, session.get(&name).map(text))
}

fn variable(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let session = this(&mut args)?;
    let name = args.text("the name of a variable")?;
    now(lua, session.variable(&name).map(text))
}

/// When the script ends, the dialplan goes on.
fn resume(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let session = this(&mut args)?;
    work(async move {
        session.resume().await?;
        Ok(done())
    })
}

fn linger(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let session = this(&mut args)?;
    let time: Option<Duration> = args.optional_seconds("the time")?;
    work(async move {
        session.linger(time).await?;
        Ok(done())
    })
}
