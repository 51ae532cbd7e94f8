//! `client`: a connection to the switch.

use genesis_channel::Channel;
use genesis_client::Client;
use mlua::Lua;

use super::args::Args;
use super::call::{LuaOrigination, taken};
use super::channel::LuaChannel;
use super::failure::Result;
use super::object::{Begin, Begun, answer, class, text, work};
use super::options;
use crate::state::Context;

/// A connection as scripts have it.
#[derive(Clone, Debug)]
pub(crate) struct LuaClient(pub(crate) Client);

class!(LuaClient, 2, "a client", |this, lua| {
    "is_connected" => this.0.state() == genesis_client::LinkState::Connected,
    "mode" => this.0.socket_mode().map(text),
});

pub(super) const METHODS: &[(&str, Begin)] = &[
    ("api", api),
    ("bgapi", bgapi),
    ("originate", originate),
    ("attach", attach),
];

fn this(args: &mut Args) -> Result<Client> {
    Ok(args.this::<LuaClient>()?.0.clone())
}

/// `api("uuid_exists", "…")` or `api("uuid_exists …")`.
fn line(args: &mut Args) -> Result<String> {
    let command = args.text("the command")?;
    let rest = args.optional_text("its arguments")?;
    Ok(match rest {
        Some(rest) if !rest.is_empty() => format!("{command} {rest}"),
        _ => command,
    })
}

fn api(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let client = this(&mut args)?;
    let line = line(&mut args)?;
    work(async move {
        let reply = client.api(&line).await?;
        Ok(answer(reply.text().into_owned()))
    })
}

/// Gives the text of the result; a refusal (`-ERR …`) is a text too, as the job's own.
fn bgapi(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let client = this(&mut args)?;
    let line = line(&mut args)?;
    work(async move {
        let result = client.bgapi(&line).await?;
        Ok(answer(result.text()))
    })
}

/// `originate(dial string, {timeout = 30, …})`: the channel that answered; with `wait = false` the
/// call that is being made.
fn originate(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let client = this(&mut args)?;
    let dial = args.text("the dial string")?;
    let given = args.options(options::ORIGINATE)?;
    let wait = given.flag("wait")?.unwrap_or(true);
    let options = options::originate(&given)?;
    work(async move {
        if wait {
            return Ok(taken(Channel::originate(&client, &*dial, options).await?));
        }
        let origination = Channel::originate_start(&client, &*dial, options).await?;
        Ok(answer(LuaOrigination::new(origination)))
    })
}

fn attach(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let client = this(&mut args)?;
    let uuid = args.text("the Unique-ID")?;
    work(async move {
        let channel = Channel::attach(&client, &uuid).await?;
        Ok(answer(LuaChannel(channel)))
    })
}
