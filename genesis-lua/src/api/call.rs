//! What operations of a channel give: executions, bridges, digits, calls that are being made.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use genesis_channel::{
    Bridge, Completed, DigitStream, Execution, Expected, HangupGuard, Origination, Progress,
};
use mlua::{IntoLua, Lua, Table};
use tokio::sync::Mutex;

use super::args::Args;
use super::channel::LuaChannel;
use super::failure::{Failure, Result};
use super::object::{Begin, Begun, Class, answer, class, done, now, text, work};
use super::options::cause;
use crate::state::Context;

/// Something that can be used up.
pub(super) struct Once<T>(Cell<Option<T>>);

impl<T> Once<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Cell::new(Some(value)))
    }

    pub(super) fn take(&self, what: &str) -> Result<T> {
        self.0
            .take()
            .ok_or_else(|| Failure::invalid(format!("{what} has been used already")))
    }
}

/// What only one operation at a time can use.
pub(super) fn busy(what: &str) -> Failure {
    Failure::invalid(format!("{what} is in use by another coroutine"))
}

/// An application that is running.
pub(crate) struct LuaExecution {
    uuid: String,
    execution: Once<Execution>,
}

impl LuaExecution {
    pub(super) fn new(execution: Execution) -> Self {
        Self {
            uuid: execution.uuid().to_owned(),
            execution: Once::new(execution),
        }
    }
}

class!(LuaExecution, 4, "an execution", |this, lua| { "uuid" => &*this.uuid });

pub(super) const EXECUTION: &[(&str, Begin)] = &[("complete", complete)];

fn complete(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let this = args.this::<LuaExecution>()?;
    let execution = this.execution.take("the execution")?;
    work(async move { Ok(answer(LuaCompleted(execution.complete().await?))) })
}

/// How an application ended.
pub(crate) struct LuaCompleted(pub(super) Completed);

class!(LuaCompleted, 21, "a completed execution", |this, lua| {
    "response" => this.0.response().map(text),
});

pub(super) const COMPLETED: &[(&str, Begin)] = &[("variable", left), ("header", told)];

fn left(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let this = args.this::<LuaCompleted>()?;
    let name = args.text("the name of a variable")?;
    now(lua, this.0.variable(&name).map(text))
}

fn told(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let this = args.this::<LuaCompleted>()?;
    let name = args.text("the name of a header")?;
    now(lua, this.0.event().get(&name).map(text))
}

/// Two legs that are connected.
pub(crate) struct LuaBridge {
    channel: LuaChannel,
    bridge: Once<Bridge>,
}

impl LuaBridge {
    pub(super) fn new(bridge: Bridge) -> Self {
        Self {
            channel: LuaChannel(bridge.channel().clone()),
            bridge: Once::new(bridge),
        }
    }
}

class!(LuaBridge, 5, "a bridge", |this, lua| { "channel" => this.channel.clone() });

pub(super) const BRIDGE: &[(&str, Begin)] = &[("ended", unbridged)];

fn unbridged(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let bridge = args.this::<LuaBridge>()?.bridge.take("the bridge")?;
    work(async move {
        bridge.ended().await?;
        Ok(done())
    })
}

/// Hangs a call up when it is closed or collected, at the latest when its state ends.
pub(crate) struct LuaGuard(RefCell<Option<HangupGuard>>);

impl LuaGuard {
    pub(super) fn new(guard: HangupGuard) -> Self {
        Self(RefCell::new(Some(guard)))
    }
}

impl Class for LuaGuard {
    const NUMBER: u16 = 23;
    const NAME: &'static str = "a guard of a call";

    fn field(&self, _: &Lua, _: &[u8]) -> mlua::Result<Option<mlua::Value>> {
        Ok(None)
    }
}

impl mlua::UserData for LuaGuard {
    fn add_methods<M: mlua::UserDataMethods<Self>>(methods: &mut M) {
        super::object::register(methods);
        methods.add_meta_method(mlua::MetaMethod::Close, |_, this, _: mlua::Value| {
            drop(this.0.take());
            Ok(())
        });
    }
}

pub(super) const GUARD: &[(&str, Begin)] = &[("keep", keep)];

/// The call stays up from here on; once more does nothing.
fn keep(lua: &Lua, _: &Context, mut args: Args) -> Begun {
    let guard = args.this::<LuaGuard>()?.0.take();
    drop(guard.map(HangupGuard::keep));
    now(lua, ())
}

/// The digits that are pressed from now on.
pub(crate) struct LuaDigits(Arc<Mutex<DigitStream>>);

impl LuaDigits {
    pub(super) fn new(digits: DigitStream) -> Self {
        Self(Arc::new(Mutex::new(digits)))
    }
}

class!(LuaDigits, 6, "digits", |this, lua| {
    "lost" => this.0.try_lock().map_or(0, |digits| digits.lost()),
});

pub(super) const DIGITS: &[(&str, Begin)] = &[("next", next_digit)];

/// `next(seconds)`: the next digit and how long it was pressed; nil when the call has ended or the
/// time is up.
fn next_digit(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let digits = args.this::<LuaDigits>()?.0.clone();
    let patience = args.optional_seconds("the time")?;
    work(async move {
        let mut digits = digits
            .try_lock_owned()
            .map_err(|_| busy("the stream of digits"))?;
        let next = match patience {
            Some(patience) => tokio::time::timeout(patience, digits.next())
                .await
                .ok()
                .flatten(),
            None => digits.next().await,
        };
        Ok(match next {
            Some(digit) => answer((digit.digit.to_string(), digit.duration.as_secs_f64())),
            None => answer(None::<String>),
        })
    })
}

/// A wait that has begun.
pub(crate) struct LuaExpected(Once<Expected>);

impl LuaExpected {
    pub(super) fn new(expected: Expected) -> Self {
        Self(Once::new(expected))
    }
}

class!(LuaExpected, 7, "what is expected", |this, lua| {});

pub(super) const EXPECTED: &[(&str, Begin)] = &[("within", within)];

fn within(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let expected = args.this::<LuaExpected>()?.0.take("what is expected")?;
    let patience = args.seconds("the time")?;
    work(async move {
        expected.within(patience).await?;
        Ok(done())
    })
}

/// A call that is being made.
pub(crate) struct LuaOrigination(Arc<Mutex<Option<Origination>>>);

impl LuaOrigination {
    pub(super) fn new(origination: Origination) -> Self {
        Self(Arc::new(Mutex::new(Some(origination))))
    }

    fn read<T>(&self, read: impl FnOnce(&Origination) -> T) -> Option<T> {
        let origination = self.0.try_lock().ok()?;
        origination.as_ref().map(read)
    }
}

impl Class for LuaOrigination {
    const NUMBER: u16 = 8;
    const NAME: &'static str = "a call that is being made";

    fn field(&self, lua: &Lua, name: &[u8]) -> mlua::Result<Option<mlua::Value>> {
        match name {
            b"uuids" => self.read(Origination::uuids).into_lua(lua).map(Some),
            b"progress" => {
                let progress = self.read(Origination::progress).map(progress_name);
                progress.into_lua(lua).map(Some)
            }
            b"causes" => {
                let causes = self.read(Origination::causes).unwrap_or_default();
                let table: Table = lua.create_table()?;
                for (uuid, cause) in causes {
                    table.raw_set(uuid, cause.map_or_else(String::new, text))?;
                }
                table.into_lua(lua).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl mlua::UserData for LuaOrigination {
    fn add_methods<M: mlua::UserDataMethods<Self>>(methods: &mut M) {
        super::object::register(methods);
    }
}

fn progress_name(progress: Progress) -> &'static str {
    match progress {
        Progress::Dialing => "dialing",
        Progress::Calling => "calling",
        Progress::Ringing => "ringing",
        Progress::EarlyMedia => "early_media",
        Progress::Answered => "answered",
        _ => "ended",
    }
}

pub(super) const ORIGINATION: &[(&str, Begin)] = &[("answered", answered), ("cancel", cancel)];

fn answered(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let origination = args.this::<LuaOrigination>()?.0.clone();
    let patience = args.optional_seconds("the time")?;
    work(async move {
        let mut origination = origination
            .try_lock_owned()
            .map_err(|_| busy("the call that is being made"))?;
        let Some(origination) = origination.as_mut() else {
            return Err(Failure::invalid("the call has been cancelled already"));
        };
        let patience = patience.unwrap_or(Duration::MAX);
        let answered = tokio::time::timeout(patience, origination.answered()).await;
        let channel = answered.map_err(|_| Failure::timeout("the answer", patience))??;
        Ok(taken(channel))
    })
}

fn cancel(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let origination = args.this::<LuaOrigination>()?.0.clone();
    let given = args.optional_text("the hangup cause")?;
    let given = given.as_deref().map(cause).transpose()?;
    work(async move {
        let mut origination = origination
            .try_lock_owned()
            .map_err(|_| busy("the call that is being made"))?;
        if let Some(origination) = origination.take() {
            origination.cancel(given).await?;
        }
        Ok(done())
    })
}

/// The answer that is this channel. If the script is gone before it has it, the call is hung up.
pub(super) fn taken(channel: genesis_channel::Channel) -> super::Answer {
    let guard = channel.hangup_on_drop(genesis_proto::HangupCause::NormalClearing);
    Box::new(move |lua| {
        let object = lua.create_userdata(LuaChannel(guard.keep()))?;
        mlua::IntoLuaMulti::into_lua_multi(object, lua)
    })
}
