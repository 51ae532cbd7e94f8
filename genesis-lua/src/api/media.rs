//! Operations of a channel that run an application: the script waits until it is done, unless it says
//! `{wait = false}` and gets the execution.

use std::future::Future;

use genesis_channel::{Channel, Execution};
use genesis_proto::command::Execute;
use genesis_proto::name::LogLevel;
use mlua::Lua;

use super::args::Args;
use super::call::{LuaCompleted, LuaExecution};
use super::channel::this;
use super::failure::{Failure, Result};
use super::object::{Begun, answer, done, work};
use super::options;
use crate::state::Context;

fn waits(options: &super::args::Options) -> Result<bool> {
    Ok(options.flag("wait")?.unwrap_or(true))
}

/// Runs an application, and waits for its end unless told not to.
fn run<F>(wait: bool, begun: F) -> Begun
where
    F: Future<Output = genesis_channel::Result<Execution>> + Send + 'static,
{
    work(async move {
        let execution = begun.await?;
        match wait {
            true => Ok(answer(LuaCompleted(execution.complete().await?))),
            false => Ok(answer(LuaExecution::new(execution))),
        }
    })
}

pub(super) fn answer_call(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let wait = waits(&args.options(&["wait"])?)?;
    run(wait, async move { channel.answer().await })
}

pub(super) fn pre_answer(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let wait = waits(&args.options(&["wait"])?)?;
    run(wait, async move { channel.pre_answer().await })
}

pub(super) fn playback(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let file = args.text("the file")?;
    let wait = waits(&args.options(&["wait"])?)?;
    run(wait, async move { channel.playback(&file).await })
}

pub(super) fn say(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let (say, options) = options::say(&mut args)?;
    let wait = waits(&options)?;
    run(wait, async move { channel.say(&say).await })
}

/// Gives the digits and the terminator; nil and `"invalid"` (and what was pressed) or `"timeout"`.
pub(super) fn play_and_get_digits(_: &Lua, _: &Context, mut args: Args) -> Begun {
    use genesis_channel::DigitsResult;
    let channel = this(&mut args)?;
    let asked = options::digits(&mut args)?;
    work(async move {
        let answer = match channel.play_and_get_digits(&asked).await? {
            DigitsResult::Digits { digits, terminator } => {
                answer((Some(digits), terminator.map(String::from)))
            }
            DigitsResult::Invalid { digits } => answer((None::<String>, "invalid", digits)),
            _ => answer((None::<String>, "timeout")),
        };
        Ok(answer)
    })
}

pub(super) fn record(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let file = args.text("the file")?;
    let given = args.options(options::RECORD)?;
    let (wait, options) = (waits(&given)?, options::record(&given)?);
    run(wait, async move { channel.record(&file, options).await })
}

pub(super) fn start_recording(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let file = args.text("the file")?;
    let limit = args.options(&["limit"])?.seconds("limit")?;
    work(async move {
        channel.start_recording(&file, limit).await?;
        Ok(done())
    })
}

pub(super) fn stop_recording(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let file = args.optional_text("the file")?;
    work(async move {
        channel
            .stop_recording(file.as_deref().unwrap_or("all"))
            .await?;
        Ok(done())
    })
}

pub(super) fn execute_application(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let application = args.text("the application")?;
    let argument = args.optional_text("its argument")?.unwrap_or_default();
    let wait = waits(&args.options(&["wait"])?)?;
    run(wait, async move {
        execute(&channel, &application, &argument).await
    })
}

/// Runs an application; an argument of several lines goes in the body of the message.
pub(crate) async fn execute(
    channel: &Channel,
    application: &str,
    argument: &str,
) -> genesis_channel::Result<Execution> {
    if !argument.contains(['\r', '\n']) {
        return channel.execute(application, argument).await;
    }
    let execute = Execute::new(application)?.text_arg(argument)?;
    channel.execute_with(execute).await
}

pub(super) fn sleep(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let time = args.seconds("the time")?;
    let wait = waits(&args.options(&["wait"])?)?;
    run(wait, async move { channel.sleep(time).await })
}

pub(super) fn log(_: &Lua, _: &Context, mut args: Args) -> Begun {
    let channel = this(&mut args)?;
    let level = args.text("the level")?;
    let level: LogLevel = level.parse().map_err(Failure::from)?;
    let text = args.text("the text")?;
    let wait = waits(&args.options(&["wait"])?)?;
    run(wait, async move { channel.log(level, &text).await })
}
