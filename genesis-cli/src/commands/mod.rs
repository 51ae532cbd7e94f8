//! The commands, one module each.

mod api;
mod bgapi;
mod channels;
mod decode;
mod demo;
mod describe;
mod events;
mod hangup;
mod holes;
mod interrupts;
mod live;
mod logs;
mod originate;
mod ring;
mod sim;
mod talk;

use std::future::Future;

use crate::cli::{Cli, Command};
use crate::exit::Failure;
use crate::output::Output;

use self::interrupts::Interrupts;

/// Runs the command.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let mut output = Output::new(cli.global.json);
    let result = match cli.command {
        Command::Decode(options) => decode::run(&options, &mut output),
        Command::Api(options) => block_on(api::run(options, &mut output)),
        Command::Bgapi(options) => block_on(bgapi::run(options, &mut output)),
        Command::Events(options) => block_on(events::run(options, &mut output)),
        Command::Logs(options) => block_on(logs::run(options, &mut output)),
        Command::Originate(options) => block_on(originate::run(options, &mut output)),
        Command::Ring(options) => block_on(ring::run(options, &mut output)),
        Command::Channels(options) => block_on(channels::run(options, &mut output)),
        Command::Hangup(options) => block_on(hangup::run(options, &mut output)),
        Command::Sim(options) => block_on(sim::run(options, &mut output)),
        Command::Demo(_) => block_on(demo::run(&mut output)),
    };
    // what was printed before a failure is a result too
    let written = output.flush();
    result.and(written)
}

/// Runs on tokio. The connection has threads of its own, so a slow reader of stdout does not hold
/// it up.
fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(work);
    // a look-up of a host name may still run; nobody waits for it
    runtime.shutdown_background();
    result
}
