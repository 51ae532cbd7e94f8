//! `genesis.ring_group {…}`: who gets the call.

use std::sync::Arc;

use genesis_channel::Channel;
use genesis_client::Client;
use genesis_ringgroup::{Destination, Report, Ring, RingGroup, RingMode, RingStep, Ringing};
use mlua::{IntoLua, Lua, Table, Value};
use tokio::sync::Mutex;

use super::args::{Args, Options, text_of};
use super::balance::LuaBalancer;
use super::call::busy;
use super::channel::LuaChannel;
use super::client::LuaClient;
use super::failure::{Failure, Result};
use super::object::{Answer, Begin, Begun, Class, answer, class, done, now, text, work};
use super::options::cause;
use crate::state::Context;

/// A group of destinations.
#[derive(Clone)]
pub(crate) struct LuaRingGroup {
    group: RingGroup,
    balancer: Option<LuaBalancer>,
}

class!(LuaRingGroup, 9, "a ring group", |this, lua| {});

const OPTIONS: &[&str] = &[
    "destinations",
    "mode",
    "timeout",
    "variables",
    "caller_id",
    "application",
    "argument",
    "extension",
    "loser_cause",
    "balancer",
    "seed",
];

/// `genesis.ring_group {destinations = {"user/1000", {"user/1001", delay = 5}}, mode = "parallel"}`.
pub(super) fn make(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let given = args.options(OPTIONS)?;
    let mut destinations = Vec::new();
    if let Some(list) = given.table("destinations")? {
        for value in list.sequence_values::<Value>() {
            destinations.push(destination(&value?)?);
        }
    }
    if destinations.is_empty() {
        return Err(Failure::invalid(
            "ring_group: destinations = {\"user/1000\", …} says who is called",
        ));
    }
    let mut group = RingGroup::new(destinations);
    if let Some(mode) = given.text("mode")? {
        group = group.mode(mode.replace('_', "-").parse::<RingMode>()?);
    }
    if let Some(timeout) = given.seconds("timeout")? {
        group = group.timeout(timeout);
    }
    for (name, value) in given.pairs("variables")? {
        group = group.variable(name, value);
    }
    if let Some((name, number)) = given.caller_id()? {
        group = group.caller_id(name, number);
    }
    if let Some(application) = given.text("application")? {
        group = group.application(application, given.text("argument")?.unwrap_or_default());
    }
    if let Some(extension) = given.text("extension")? {
        group = group.extension(extension);
    }
    if let Some(given) = given.text("loser_cause")? {
        group = group.loser_cause(cause(&given)?);
    }
    if let Some(seed) = given.whole("seed")? {
        group = group.seed(seed as u64);
    }
    let balancer = given.object::<LuaBalancer>("balancer", "a genesis.balancer")?;
    let balancer = balancer.map(|balancer| balancer.clone());
    now(lua, lua.create_userdata(LuaRingGroup { group, balancer })?)
}

/// A dial string, or `{dial string, delay =, timeout =, weight =, variables = {…}}`.
fn destination(value: &Value) -> Result<Destination> {
    if let Some(dial) = text_of(value) {
        return Ok(Destination::new(dial));
    }
    let Value::Table(table) = value else {
        return Err(Failure::invalid(
            "ring_group: a destination is a dial string, or a table that begins with one",
        ));
    };
    // the dial string is the key 1
    let known = &["1", "delay", "timeout", "weight", "variables"];
    let options = Options::check("a destination", table.clone(), known)?;
    let dial: Value = table.raw_get(1)?;
    let dial = text_of(&dial).ok_or_else(|| {
        Failure::invalid("ring_group: a destination's table begins with its dial string")
    })?;
    let mut made = Destination::new(dial);
    for (name, value) in options.pairs("variables")? {
        made = made.variable(name, value);
    }
    if let Some(delay) = options.seconds("delay")? {
        made = made.delay(delay);
    }
    if let Some(timeout) = options.seconds("timeout")? {
        made = made.timeout(timeout);
    }
    if let Some(weight) = options.number32("weight")? {
        made = made.weight(weight);
    }
    Ok(made)
}

pub(super) const GROUP: &[(&str, Begin)] = &[("ring", ring), ("start", start)];

/// Who the group rings for: a channel (the ring ends when it hangs up), or a connection.
enum For {
    Caller(Channel),
    Client(Client),
}

fn whom(args: &mut Args) -> Result<For> {
    let object = args.object("a channel or a client")?;
    if let Ok(channel) = object.borrow::<LuaChannel>() {
        return Ok(For::Caller(channel.0.clone()));
    }
    if let Ok(session) = object.borrow::<super::LuaSession>() {
        return Ok(For::Caller(session.channel.0.clone()));
    }
    match object.borrow::<LuaClient>() {
        Ok(client) => Ok(For::Client(client.0.clone())),
        Err(_) => args.wrong("a channel or a client", &Value::UserData(object)),
    }
}

impl LuaRingGroup {
    async fn get(&self) -> Result<RingGroup> {
        Ok(match &self.balancer {
            Some(balancer) => self.group.clone().balancer(balancer.get().await?),
            None => self.group.clone(),
        })
    }
}

fn ring(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let group = args.this::<LuaRingGroup>()?.clone();
    let whom = whom(&mut args)?;
    work(async move {
        let group = group.get().await?;
        let ring = match whom {
            For::Caller(caller) => group.ring_for(&caller).await?,
            For::Client(client) => group.ring(&client).await?,
        };
        Ok(rung(ring))
    })
}

fn start(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let group = args.this::<LuaRingGroup>()?.clone();
    let whom = whom(&mut args)?;
    work(async move {
        let group = group.get().await?;
        let ringing = match whom {
            For::Caller(caller) => group.start_for(&caller)?,
            For::Client(client) => group.start(&client)?,
        };
        Ok(answer(LuaRinging(Arc::new(Mutex::new(Some(ringing))))))
    })
}

/// A group that is ringing. Collected, it is cancelled.
pub(crate) struct LuaRinging(Arc<Mutex<Option<Ringing>>>);

class!(LuaRinging, 10, "a group that is ringing", |this, lua| {});

pub(super) const RINGING: &[(&str, Begin)] =
    &[("next", next_step), ("result", result), ("cancel", cancel)];

fn over() -> Failure {
    Failure::invalid("the ring has been ended already")
}

/// A table with `destination` (from 1), `at` (seconds), `what`, and `uuid` or `cause`.
fn next_step(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let ringing = args.this::<LuaRinging>()?.0.clone();
    work(async move {
        let mut ringing = ringing.try_lock().map_err(|_| busy("the ring"))?;
        let Some(event) = ringing.as_mut().ok_or_else(over)?.next_event().await else {
            return Ok(answer(None::<String>));
        };
        Ok(Box::new(move |lua: &Lua| {
            let table = lua.create_table()?;
            table.raw_set("destination", event.destination + 1)?;
            table.raw_set("at", event.at.as_secs_f64())?;
            let what = match &event.what {
                RingStep::Dialing { uuid } => {
                    table.raw_set("uuid", uuid.as_str())?;
                    "dialing"
                }
                RingStep::Ringing => "ringing",
                RingStep::EarlyMedia => "early_media",
                RingStep::Ended(outcome) => {
                    table.raw_set("cause", outcome.cause().map(text))?;
                    outcome.as_str()
                }
                _ => "other",
            };
            table.raw_set("what", what)?;
            mlua::IntoLuaMulti::into_lua_multi(table, lua)
        }) as Answer)
    })
}

fn result(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let ringing = args.this::<LuaRinging>()?.0.clone();
    work(async move {
        let ringing = ringing.try_lock().map_err(|_| busy("the ring"))?.take();
        Ok(rung(ringing.ok_or_else(over)?.result().await?))
    })
}

fn cancel(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let ringing = args.this::<LuaRinging>()?.0.clone();
    work(async move {
        let ringing = ringing.try_lock().map_err(|_| busy("the ring"))?.take();
        if let Some(ringing) = ringing {
            ringing.cancel().await?;
        }
        Ok(done())
    })
}

/// What came of a ring.
pub(crate) struct LuaRing {
    channel: Option<LuaChannel>,
    /// From 1.
    answered_by: Option<usize>,
    caller_hung_up: bool,
    duration: f64,
    reports: Vec<Report>,
    shown: String,
    ring: Arc<Mutex<Ring>>,
}

/// The answer that is this ring. If the script is gone before it has it, who answered is hung up.
fn rung(ring: Ring) -> Answer {
    let guard = ring.channel().cloned();
    let guard =
        guard.map(|channel| channel.hangup_on_drop(genesis_proto::HangupCause::NormalClearing));
    Box::new(move |lua| {
        let object = LuaRing {
            channel: guard.map(|guard| LuaChannel(guard.keep())),
            answered_by: ring.answered_by().map(|report| report.index + 1),
            caller_hung_up: ring.caller_hung_up(),
            duration: ring.duration().as_secs_f64(),
            reports: ring.destinations().to_vec(),
            shown: ring.to_string(),
            ring: Arc::new(Mutex::new(ring)),
        };
        mlua::IntoLuaMulti::into_lua_multi(lua.create_userdata(object)?, lua)
    })
}

impl Class for LuaRing {
    const NUMBER: u16 = 11;
    const NAME: &'static str = "a ring";

    fn field(&self, lua: &Lua, name: &[u8]) -> mlua::Result<Option<Value>> {
        let value = match name {
            b"channel" => self.channel.clone().into_lua(lua)?,
            b"is_answered" => self.channel.is_some().into_lua(lua)?,
            b"answered_by" => self.answered_by.into_lua(lua)?,
            b"caller_hung_up" => self.caller_hung_up.into_lua(lua)?,
            b"duration" => self.duration.into_lua(lua)?,
            b"text" => self.shown.as_str().into_lua(lua)?,
            b"destinations" => {
                let reports = self.reports.iter().map(|report| of_report(lua, report));
                let reports = reports.collect::<mlua::Result<Vec<_>>>()?;
                reports.into_lua(lua)?
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }
}

impl mlua::UserData for LuaRing {
    fn add_methods<M: mlua::UserDataMethods<Self>>(methods: &mut M) {
        super::object::register(methods);
    }
}

fn of_report(lua: &Lua, report: &Report) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("index", report.index + 1)?;
    table.raw_set("dial_path", report.dial_path.as_str())?;
    table.raw_set("uuid", report.uuid())?;
    table.raw_set("outcome", report.outcome.as_str())?;
    table.raw_set("cause", report.cause.as_ref().map(text))?;
    table.raw_set(
        "called_after",
        report.called_after.map(|time| time.as_secs_f64()),
    )?;
    table.raw_set("duration", report.duration.as_secs_f64())?;
    table.raw_set("local_fallback", report.local_fallback)?;
    Ok(table)
}

pub(super) const RING: &[(&str, Begin)] = &[("losers_gone", losers_gone)];

fn losers_gone(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let ring = args.this::<LuaRing>()?.ring.clone();
    work(async move {
        ring.lock().await.losers_gone().await?;
        Ok(done())
    })
}
