//! A leg, and what is done with one.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use genesis_channel::{Channel, DigitStream, Expected, HangupGuard};
use genesis_client::Session;
use genesis_proto::name::{AnswerState, ChannelState};
use genesis_proto::{EventName, HangupCause};
use mlua::{IntoLua, Lua, MultiValue, UserData, UserDataRef, Value};
use tokio::sync::Mutex;

use crate::api::LuaSession;
use crate::api::args::Args;
use crate::api::failure::{Failure, Result};
use crate::api::media;
use crate::api::object::{Answer, Begun, answer, work};
use crate::state::Context;

/// How long the hangup of a call is waited for.
const HANGUP: Duration = Duration::from_secs(5);

/// How long the switch has to begin with an application.
const BEGIN: Duration = Duration::from_secs(1);

/// One leg of a call, as the methods of `session` have it. What is pressed waits in its queue of
/// digits until somebody reads them, as in the switch.
#[derive(Clone)]
pub(super) struct Leg(Arc<Inner>);

struct Inner {
    channel: Channel,
    digits: Mutex<DigitStream>,
    /// A call that the script has made is hung up with its object.
    guard: SyncMutex<Option<HangupGuard>>,
    session: Option<Arc<Session>>,
}

impl UserData for Leg {}

impl Leg {
    fn new(channel: Channel, guard: Option<HangupGuard>, session: Option<Arc<Session>>) -> Self {
        Self(Arc::new(Inner {
            digits: Mutex::new(channel.digits()),
            guard: SyncMutex::new(guard),
            channel,
            session,
        }))
    }

    /// The call that came in.
    pub(super) fn own(session: &LuaSession) -> Self {
        Self::new(
            session.channel.0.clone(),
            None,
            Some(session.session.clone()),
        )
    }

    /// A call that was there already.
    pub(super) fn found(channel: Channel) -> Self {
        Self::new(channel, None, None)
    }

    /// A call that the script has made.
    pub(super) fn made(channel: Channel) -> Self {
        let guard = channel.clone().hangup_on_drop(HangupCause::NormalClearing);
        Self::new(channel, Some(guard), None)
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.0.channel
    }
}

/// The leg that an operation is for.
pub(super) fn this(args: &mut Args) -> Result<Leg> {
    Ok(args.this::<Leg>()?.clone())
}

/// Failures that mod_lua does not raise are given as nil and a word: what fails because the call is
/// over says `over`, what the switch refuses its text.
pub(super) fn settle(result: Result<Answer>) -> Result<Answer> {
    let failure = match result {
        Ok(answer) => return Ok(answer),
        Err(failure) => failure,
    };
    match failure.kind {
        "hung_up" | "unknown_channel" | "disconnected" => Ok(answer((None::<String>, "over"))),
        "refused" | "timeout" | "limit" | "protocol" => {
            let text = failure
                .switch
                .clone()
                .unwrap_or_else(|| failure.message.clone());
            Ok(answer((None::<String>, text)))
        }
        _ => Err(failure),
    }
}

/// As [`work`], with failures settled.
pub(super) fn settled<F>(doing: F) -> Begun
where
    F: Future<Output = Result<Answer>> + Send + 'static,
{
    work(async move { settle(doing.await) })
}

/// Something that takes its time: an application, a bridge. Gives what `next` tells at its end, once.
pub(super) struct Running(Arc<Mutex<Option<BoxFuture<'static, Result<Answer>>>>>);

impl UserData for Running {}

impl Running {
    pub(super) fn new(doing: impl Future<Output = Result<Answer>> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(doing.boxed()))))
    }
}

/// `start(leg, application, argument, variable or nil, eats)`: what runs; at its end it gives the
/// response and what is then in the variable. What was pressed before is for an application that eats
/// digits.
pub(super) fn start(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let leg = this(&mut args)?;
    let application = args.text("the application")?;
    let argument = args.optional_text("its argument")?.unwrap_or_default();
    let variable = args.optional_text("the name of a variable")?;
    let mode = leg.channel().client().socket_mode();
    let is_heard = mode.is_none_or(|mode| mode.is_async() && mode.is_full());
    let eats = args.next() == Value::Boolean(true) && is_heard;
    settled(async move {
        let began = eats.then(|| leg.channel().expect(EventName::ChannelExecute));
        let execution = media::execute(leg.channel(), &application, &argument).await?;
        if let Some(began) = began {
            hand_over(&leg, began).await;
        }
        Ok(answer(Running::new(async move {
            let completed = execution.complete().await?;
            let response = completed.response().map(|text| text.into_owned());
            let value = variable.and_then(|name| {
                let value = completed.variable(&name)?;
                Some(value.into_owned())
            });
            Ok(answer(("done", response, value)))
        })))
    })
}

/// The parked channel has taken digits out of the switch's queue that are for the application which
/// begins now: they are put back.
async fn hand_over(leg: &Leg, began: Expected) {
    let mut digits = leg.0.digits.lock().await;
    let mut ahead = String::new();
    let mut began = std::pin::pin!(began.within(BEGIN));
    loop {
        tokio::select! {
            biased;
            Some(digit) = digits.next() => ahead.push(digit.digit),
            _ = &mut began => break,
        }
    }
    if !ahead.is_empty() {
        let line = format!("uuid_recv_dtmf {} {ahead}", leg.channel().uuid());
        if let Err(error) = leg.channel().client().api(&line).await {
            tracing::debug!(target: "genesis_lua", %error, "digits pressed before are lost");
        }
    }
}

/// `next(leg, running or nil, milliseconds or nil, digits)`: what comes first of `"dtmf"` with the
/// digit and its length in samples, `"done"` with the response and the value, `"over"` and
/// `"timeout"`. Running things that end because the call does are over, too.
pub(super) fn next(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let leg = this(&mut args)?;
    let running = match args.next() {
        Value::Nil => None,
        other => match running_of(&other) {
            Some(running) => Some(running.0.clone()),
            None => return args.wrong("what is running", &other),
        },
    };
    let time = match args.next() {
        Value::Nil => None,
        Value::Integer(time) => Some(u64::try_from(time).unwrap_or(0)),
        other => return args.wrong("a number of milliseconds", &other),
    };
    let wants_digits = args.next() == Value::Boolean(true);
    work(async move {
        let mut digits = leg.0.digits.lock().await;
        let running = async {
            match &running {
                Some(running) => {
                    let mut running = running.lock().await;
                    let Some(doing) = running.as_mut() else {
                        return Ok(answer("done"));
                    };
                    let done = settle(doing.await);
                    // what it holds is not kept until the script's object is collected
                    *running = None;
                    done
                }
                None => std::future::pending().await,
            }
        };
        let over = async {
            // that the connection is lost is an end, too
            let _ = leg.channel().ended_with().await;
        };
        let elapsed = async {
            match time {
                Some(time) => tokio::time::sleep(Duration::from_millis(time)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(digit) = digits.next(), if wants_digits => {
                // the switch counts samples of 8 kHz
                let samples = u64::try_from(digit.duration.as_micros() / 125).unwrap_or(0);
                Ok(answer(("dtmf", digit.digit.to_string(), samples)))
            }
            done = running => done,
            () = over => Ok(answer("over")),
            () = elapsed => Ok(answer("timeout")),
        }
    })
}

fn running_of(value: &Value) -> Option<UserDataRef<Running>> {
    value.as_userdata()?.borrow::<Running>().ok()
}

/// `api(leg or nil, line)`: the text of the answer, a refusal's too.
pub(super) fn api(_: &Lua, context: &Context, mut args: Args) -> Begun {
    let of_leg = match args.next() {
        Value::UserData(object) => object.borrow::<Leg>().ok().map(|leg| leg.clone()),
        _ => None,
    };
    let line = args.text("the command")?;
    let client = match (of_leg, context.client()) {
        (Some(leg), _) => leg.channel().client().clone(),
        (None, Some(client)) => client.clone(),
        (None, None) => return Err(Failure::gone()),
    };
    settled(async move {
        match client.api(&line).await {
            Ok(reply) => Ok(answer(reply.text().into_owned())),
            Err(error) => match error.switch_text() {
                Some(text) => Ok(answer(text.to_owned())),
                None => Err(error.into()),
            },
        }
    })
}

pub(super) fn get_variable(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let leg = this(&mut args)?;
    let name = args.text("the name of a variable")?;
    work(async move {
        let value = match leg.channel().get_variable(&name).await {
            Ok(value) => value,
            // as it was last
            Err(_) => leg.channel().variable(&name),
        };
        Ok(answer(value))
    })
}

pub(super) fn set_variable(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let leg = this(&mut args)?;
    let name = args.text("the name of a variable")?;
    let value = args.optional_text("the value")?.unwrap_or_default();
    settled(async move {
        leg.channel().set_variable(&name, &value).await?;
        Ok(answer(true))
    })
}

/// Returns when the call has hung up.
pub(super) fn hangup(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let leg = this(&mut args)?;
    let cause = HangupCause::from_argument(&args.text("the hangup cause")?);
    settled(async move {
        leg.channel().hangup(cause).await?;
        let ended = tokio::time::timeout(HANGUP, leg.channel().ended_with());
        // a call that does not end is told of by its state
        drop(ended.await);
        Ok(answer(true))
    })
}

/// `transfer(leg, extension, dialplan, context)`.
pub(super) fn transfer(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let leg = this(&mut args)?;
    let mut to = genesis_channel::Transfer::to(args.text("the extension")?);
    if let Some(dialplan) = args.optional_text("the dialplan")? {
        to = to.dialplan(dialplan);
    }
    if let Some(context) = args.optional_text("the context")? {
        to = to.context(context);
    }
    settled(async move {
        leg.channel().transfer(to).await?;
        Ok(answer(true))
    })
}

/// The dialplan goes on when the connection closes.
pub(super) fn resume(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let leg = this(&mut args)?;
    settled(async move {
        if let Some(session) = &leg.0.session
            && session
                .client()
                .socket_mode()
                .is_some_and(|mode| mode.is_async())
        {
            session.resume().await?;
        }
        Ok(answer(true))
    })
}

/// `look(leg, what, name)`: what is known without asking.
pub(super) fn look(
    lua: &Lua,
    (leg, what, name): (UserDataRef<Leg>, String, Option<String>),
) -> mlua::Result<Value> {
    let channel = leg.channel();
    match &*what {
        "uuid" => channel.uuid().into_lua(lua),
        "over" => (channel.is_over() || channel.client().close_reason().is_some()).into_lua(lua),
        "state" => {
            // the switch does not tell a socket of the end of its own channel
            let is_over = channel.is_over() || channel.client().close_reason().is_some();
            let state = channel.state();
            match state {
                ChannelState::Hangup | ChannelState::Reporting | ChannelState::Destroy => {
                    state.as_str()
                }
                _ if is_over => ChannelState::Hangup.as_str(),
                _ => state.as_str(),
            }
            .into_lua(lua)
        }
        "answered" => channel.was_answered().into_lua(lua),
        "media" => {
            let state = channel.answer_state();
            let has = matches!(state, AnswerState::Answered | AnswerState::Early);
            (has && !channel.is_over()).into_lua(lua)
        }
        "cause" => channel
            .hangup_cause()
            .map(|cause| cause.to_string())
            .into_lua(lua),
        "variable" => channel.variable(&name.unwrap_or_default()).into_lua(lua),
        "header" => channel.header(&name.unwrap_or_default()).into_lua(lua),
        _ => Ok(Value::Nil),
    }
}

/// Takes the digits that wait.
pub(super) fn take(_: &Lua, leg: UserDataRef<Leg>) -> mlua::Result<String> {
    let mut taken = String::new();
    // another coroutine waits for digits: they are its
    if let Ok(mut digits) = leg.0.digits.try_lock() {
        while let Some(Some(digit)) = digits.next().now_or_never() {
            taken.push(digit.digit);
        }
    }
    Ok(taken)
}

/// `keep(leg, whether)`: whether the call stays up when its object goes. Gives whether it did.
pub(super) fn keep(_: &Lua, (leg, stays): (UserDataRef<Leg>, bool)) -> mlua::Result<MultiValue> {
    let mut guard = leg.0.guard.lock().unwrap_or_else(PoisonError::into_inner);
    match (stays, guard.take()) {
        (true, Some(held)) => drop(held.keep()),
        (true, None) => {}
        (false, held) => {
            let made = || {
                leg.channel()
                    .clone()
                    .hangup_on_drop(HangupCause::NormalClearing)
            };
            *guard = Some(held.unwrap_or_else(made));
        }
    }
    Ok(MultiValue::new())
}
