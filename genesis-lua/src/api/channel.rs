//! `channel`: one leg of a call.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use genesis_channel::{BridgeTo, BroadcastLeg, Channel, Condition, Transfer, TransferLeg};
use genesis_proto::name::{AnswerState, CallState, ChannelState};
use genesis_proto::{EventName, HangupCause};
use mlua::{IntoLua, Lua, Value};

use super::args::{Args, check_line, pairs, text_of};
use super::call::{LuaBridge, LuaDigits, LuaExpected, LuaGuard};
use super::client::LuaClient;
use super::failure::{Failure, Result};
use super::media;
use super::object::{Begin, Begun, answer, class, done, now, text, work};
use super::options::{cause, choice};
use crate::state::Context;

/// How long waits last that are given no time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A channel as scripts have it.
#[derive(Clone, Debug)]
pub(crate) struct LuaChannel(pub(crate) Channel);

class!(LuaChannel, 1, "a channel", |this, lua| {
    "uuid" => this.0.uuid(),
    "state" => text(this.0.state()),
    "call_state" => text(this.0.call_state()),
    "answer_state" => text(this.0.answer_state()),
    "is_over" => this.0.is_over(),
    "was_answered" => this.0.was_answered(),
    "hangup_cause" => this.0.hangup_cause().map(text),
    "dial_path" => this.0.dial_path(),
    "created_at" => this.0.created_at().map(seconds),
    "answered_at" => this.0.answered_at().map(seconds),
    "client" => LuaClient(this.0.client().clone()),
});

/// Seconds since 1970.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}

pub(super) const METHODS: &[(&str, Begin)] = &[
    ("answer", media::answer_call),
    ("pre_answer", media::pre_answer),
    ("playback", media::playback),
    ("say", media::say),
    ("play_and_get_digits", media::play_and_get_digits),
    ("record", media::record),
    ("start_recording", media::start_recording),
    ("stop_recording", media::stop_recording),
    ("broadcast", broadcast),
    ("execute", media::execute_application),
    ("sleep", media::sleep),
    ("log", media::log),
    ("park", park),
    ("hangup", hangup),
    ("bridge", bridge),
    ("transfer", transfer),
    ("hold", hold),
    ("unhold", unhold),
    ("break", break_media),
    ("break_media", break_media),
    ("send_dtmf", send_dtmf),
    ("get_variable", get_variable),
    ("set_variable", set_variable),
    ("set_variables", set_variables),
    ("variable", variable),
    ("header", header),
    ("wait", wait),
    ("expect", expect),
    ("ended", ended),
    ("digits", digits),
    ("on_digit", on_digit),
    ("on_any_digit", on_any_digit),
    ("on_hangup", on_hangup),
    ("hangup_on_drop", hangup_on_drop),
];

/// The channel that the method is called on.
pub(super) fn this(args: &mut Args) -> Result<Channel> {
    Ok(args.this::<LuaChannel>()?.0.clone())
}

fn park(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    work(async move {
        channel.park().await?;
        Ok(done())
    })
}

fn hangup(_: &Lua, context: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let cause = args.optional_text("the hangup cause")?;
    let cause = cause.as_deref().map(cause_of).transpose()?;
    let ending = context.ending(channel.uuid());
    work(async move {
        channel.hangup(cause).await?;
        if let Some(ending) = ending {
            ending.store(true, Ordering::Relaxed);
        }
        Ok(done())
    })
}

fn cause_of(text: &str) -> Result<HangupCause> {
    cause(text)
}

/// `bridge(channel or session or dial string, {timeout = 60})`.
fn bridge(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let to = match args.next() {
        Value::UserData(object) => match object.borrow::<LuaChannel>() {
            Ok(other) => BridgeTo::Channel(other.0.clone()),
            Err(_) => match object.borrow::<super::LuaSession>() {
                Ok(session) => BridgeTo::Channel(session.channel.0.clone()),
                Err(_) => {
                    return args.wrong("a channel or a dial string", &Value::UserData(object));
                }
            },
        },
        value => match text_of(&value) {
            Some(dial) => BridgeTo::DialString(dial),
            None => return args.wrong("a channel or a dial string", &value),
        },
    };
    let options = args.options(&["timeout"])?;
    let patience = options.seconds("timeout")?.unwrap_or(PATIENCE);
    work(async move {
        let bridge = channel.bridge(to).await?.connected(patience).await?;
        Ok(answer(LuaBridge::new(bridge)))
    })
}

fn legs(name: &str) -> Result<TransferLeg> {
    let legs = [
        ("this", TransferLeg::This),
        ("other", TransferLeg::Other),
        ("both", TransferLeg::Both),
    ];
    choice("transfer: leg", name, &legs)
}

fn transfer(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let mut to = Transfer::to(args.text("the extension")?);
    let options = args.options(&["dialplan", "context", "leg"])?;
    if let Some(dialplan) = options.text("dialplan")? {
        to = to.dialplan(dialplan);
    }
    if let Some(context) = options.text("context")? {
        to = to.context(context);
    }
    if let Some(leg) = options.text("leg")? {
        to = to.leg(legs(&leg)?);
    }
    work(async move {
        channel.transfer(to).await?;
        Ok(done())
    })
}

fn hold(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    work(async move {
        channel.hold().await?;
        Ok(done())
    })
}

fn unhold(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    work(async move {
        channel.unhold().await?;
        Ok(done())
    })
}

/// `break_media({all = true})`; `break` is a word of Lua and needs `channel["break"](channel)`.
fn break_media(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let all = args.options(&["all"])?.flag("all")?.unwrap_or(false);
    work(async move {
        channel.break_media(all).await?;
        Ok(done())
    })
}

fn send_dtmf(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let digits = args.text("the digits")?;
    let duration = args.options(&["duration"])?.seconds("duration")?;
    work(async move {
        channel.send_dtmf(&digits, duration).await?;
        Ok(done())
    })
}

fn broadcast(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let file = args.text("the file")?;
    let leg = args.options(&["leg"])?.text("leg")?;
    let legs = [
        ("this", BroadcastLeg::This),
        ("other", BroadcastLeg::Other),
        ("both", BroadcastLeg::Both),
    ];
    let leg = choice("broadcast: leg", leg.as_deref().unwrap_or("this"), &legs)?;
    work(async move {
        channel.broadcast(&file, leg).await?;
        Ok(done())
    })
}

fn get_variable(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let name = args.text("the name of a variable")?;
    work(async move {
        let value = channel.get_variable(&name).await?;
        Ok(answer(value))
    })
}

fn set_variable(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let name = args.text("the name of a variable")?;
    // nil unsets
    let value = args.optional_text("the value")?.unwrap_or_default();
    check_line("set_variable", "argument 1 (the name)", &name)?;
    check_line("set_variable", "argument 2 (the value)", &value)?;
    work(async move {
        channel.set_variable(&name, &value).await?;
        Ok(done())
    })
}

fn set_variables(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let variables = match args.next() {
        Value::Table(table) => pairs("set_variables", &table)?,
        other => return args.wrong("a table of strings by name", &other),
    };
    work(async move {
        channel.set_variables(variables).await?;
        Ok(done())
    })
}

fn variable(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let name = args.text("the name of a variable")?;
    now(lua, channel.variable(&name))
}

fn header(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let name = args.text("the name of a header")?;
    now(lua, channel.header(&name))
}

/// A state (`CS_EXECUTE`), a call state (`ACTIVE`), an answer state (`answered`) or an event
/// (`CHANNEL_BRIDGE`), as FreeSWITCH spells them.
fn condition(text: &str) -> Result<Condition> {
    if text.starts_with("CS_") {
        return match ChannelState::from(text) {
            ChannelState::Other(_) => Err(Failure::invalid(format!("there is no state {text}"))),
            state => Ok(Condition::State(state)),
        };
    }
    let is_lower = text.chars().all(|c| c.is_ascii_lowercase());
    match AnswerState::from(text) {
        AnswerState::Other(_) => {}
        state if is_lower => return Ok(Condition::AnswerState(state)),
        _ => {}
    }
    match CallState::from(text) {
        CallState::Other(_) => {}
        state => return Ok(Condition::CallState(state)),
    }
    match EventName::from(text) {
        EventName::Other(_) => Err(Failure::invalid(format!(
            "{text:?} is no state (CS_EXECUTE), call state (ACTIVE), answer state (answered) or \
             event (CHANNEL_BRIDGE)"
        ))),
        name => Ok(Condition::Event(name)),
    }
}

fn wait(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let condition = condition(&args.text("a state or an event")?)?;
    let patience = args.optional_seconds("the time")?.unwrap_or(PATIENCE);
    work(async move {
        channel.wait(condition, patience).await?;
        Ok(done())
    })
}

fn expect(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let condition = condition(&args.text("a state or an event")?)?;
    now(
        lua,
        LuaExpected::new(channel.expect(condition)).into_lua(lua)?,
    )
}

fn ended(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    work(async move {
        let cause = channel.ended_with().await?;
        Ok(answer(cause.map(text)))
    })
}

fn digits(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    now(lua, LuaDigits::new(channel.digits()).into_lua(lua)?)
}

fn on_digit(_: &Lua, context: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let digit = args.text("a digit")?;
    let mut chars = digit.chars();
    let (Some(digit), None) = (chars.next(), chars.next()) else {
        return Err(Failure::invalid(format!(
            "on_digit: {digit:?} is not one digit"
        )));
    };
    let call = context.callback(args.function("the handler")?);
    work(async move {
        channel.on_digit(digit, move |digit| call.with_digit(digit));
        Ok(done())
    })
}

fn on_any_digit(_: &Lua, context: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let call = context.callback(args.function("the handler")?);
    work(async move {
        channel.on_any_digit(move |digit| call.with_digit(digit));
        Ok(done())
    })
}

/// `local guard <close> = channel:hangup_on_drop(cause)`: whatever ends the block hangs up, but for
/// `guard:keep()`.
fn hangup_on_drop(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let given = args.optional_text("the hangup cause")?;
    let given = given.as_deref().map(cause).transpose()?;
    let guard = channel.hangup_on_drop(given.unwrap_or(HangupCause::NormalClearing));
    now(lua, lua.create_userdata(LuaGuard::new(guard))?)
}

/// Calls a function once, when the call has hung up, with the cause.
fn on_hangup(lua: &Lua, context: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let call = context.callback(args.function("the handler")?);
    let hooked = context.hook(channel.uuid());
    context.remote().detach(async move {
        let cause = channel.ended_with().await.ok().flatten();
        call.with_text(cause.map(text)).await;
        drop(hooked);
    });
    now(lua, ())
}
