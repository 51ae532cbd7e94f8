//! Calls that a script makes and connects.

use std::time::Duration;

use genesis_channel::{Channel, Condition, OriginateOptions};
use genesis_proto::name::AnswerState;
use mlua::{Lua, Value};

use super::leg::{Leg, Running, settled, this};
use crate::api::args::Args;
use crate::api::failure::Failure;
use crate::api::object::{Begun, answer, work};
use crate::state::Context;

/// How long the two have to be connected.
const CONNECT: Duration = Duration::from_secs(60);

/// `bridge(leg, other leg)`: gives what runs until the two part.
pub(super) fn bridge(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let leg = this(&mut args)?;
    let other = this(&mut args)?;
    settled(async move {
        let bridging = leg.channel().bridge(other.channel()).await?;
        let bridge = bridging.connected(CONNECT).await?;
        Ok(answer(Running::new(async move {
            bridge.ended().await?;
            Ok(answer("done"))
        })))
    })
}

/// `originate(dial string, milliseconds, leg of the caller or nil)`: the leg, or nil and the cause.
pub(super) fn originate(_: &Lua, context: &Context, mut args: Args) -> Begun {
    let dial = args.text("the dial string")?;
    let time = args.whole("the time")?;
    let caller = match args.next() {
        Value::UserData(object) => object.borrow::<Leg>().ok().map(|leg| leg.clone()),
        _ => None,
    };
    let client = context.client().cloned().ok_or_else(Failure::gone)?;
    let time = Duration::from_millis(u64::try_from(time).unwrap_or(u64::MAX));
    let mut options = OriginateOptions::new().timeout(time).early_media(true);
    // the switch takes the caller's for the new leg
    let number = |leg: &Leg| leg.channel().header("Caller-Caller-ID-Number");
    if let Some(leg) = &caller
        && !dial.contains("origination_caller_id")
        && let Some(number) = number(leg)
    {
        let name = leg.channel().header("Caller-Caller-ID-Name");
        options = options.caller_id(name.unwrap_or_else(|| number.clone()), number);
    }
    work(async move {
        let calling = Channel::originate(&client, &*dial, options);
        let over = async {
            match &caller {
                // a caller whose connection is lost is gone as well
                Some(leg) => drop(leg.channel().ended_with().await),
                None => std::future::pending().await,
            }
        };
        let called = tokio::select! {
            biased;
            called = calling => called,
            () = over => return Ok(answer((None::<Leg>, "ORIGINATOR_CANCEL".to_owned()))),
        };
        match called {
            Ok(channel) => Ok(answer(Leg::made(channel))),
            Err(error) => {
                let failure = Failure::from(error);
                let cause = failure.cause.clone();
                let cause = cause.unwrap_or_else(|| match failure.kind {
                    "timeout" => "NO_ANSWER".to_owned(),
                    _ => "DESTINATION_OUT_OF_ORDER".to_owned(),
                });
                Ok(answer((None::<Leg>, cause, failure.message.clone())))
            }
        }
    })
}

/// `attach(Unique-ID)`: the leg of a call that is up, or nil.
pub(super) fn attach(_: &Lua, context: &Context, mut args: Args) -> Begun {
    let uuid = args.text("the Unique-ID")?;
    let client = context.client().cloned().ok_or_else(Failure::gone)?;
    settled(async move {
        let channel = Channel::attach(&client, &uuid).await?;
        Ok(answer(Leg::found(channel)))
    })
}

/// Until the leg is answered, or over.
pub(super) fn wait_for_answer(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let leg = this(&mut args)?;
    settled(async move {
        let answered = Condition::AnswerState(AnswerState::Answered);
        leg.channel().wait(answered, Duration::MAX).await?;
        Ok(answer(true))
    })
}
