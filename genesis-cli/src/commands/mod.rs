//! The commands, one module each.

mod api;
mod app;
mod bgapi;
mod channels;
mod completions;
mod decode;
mod demo;
mod describe;
mod events;
mod hangup;
mod holes;
mod interrupts;
mod live;
mod logs;
mod new;
mod originate;
mod ring;
mod sim;
mod talk;

use crate::cli::{Cli, Command};
use crate::exit::Failure;
use crate::observability::{Observability, Observed};
use crate::output::Output;

use self::interrupts::Interrupts;

/// Runs the command.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let mut output = Output::new(cli.global.json);
    let out = &mut output;
    // before a port is taken for it
    let project = matches!(
        app::find_for(&cli.command)?,
        Some((_, app::Found::Project(_)))
    );
    let seen = match cli.command {
        // it shows its own
        _ if project => Observability::off(),
        Command::Decode(_) | Command::New(_) | Command::Completions(_) => Observability::off(),
        ref command => Observability::start(command.serves(), command.is_brief())?,
    };
    let level = cli.global.loglevel;
    let result = match cli.command {
        Command::Decode(options) => decode::run(&options, out),
        Command::Api(options) => block_on(seen, async |_| api::run(options, out).await),
        Command::Bgapi(options) => block_on(seen, async |_| bgapi::run(options, out).await),
        Command::Events(options) => {
            block_on(seen, async |seen| events::run(options, seen, out).await)
        }
        Command::Logs(options) => block_on(seen, async |seen| logs::run(options, seen, out).await),
        Command::Originate(options) => block_on(seen, async |_| originate::run(options, out).await),
        Command::Ring(options) => block_on(seen, async |_| ring::run(options, out).await),
        Command::Channels(options) => {
            block_on(seen, async |seen| channels::run(options, seen, out).await)
        }
        Command::Hangup(options) => block_on(seen, async |_| hangup::run(options, out).await),
        Command::Consumer(options) => block_on(seen, async |seen| {
            app::consumer(options, level, seen, out).await
        }),
        Command::Outbound(options) => block_on(seen, async |seen| {
            app::outbound(options, level, seen, out).await
        }),
        Command::New(options) => new::run(&options, out),
        Command::Completions(options) => completions::run(&options, out),
        Command::Sim(options) => block_on(seen, async |_| sim::run(options, out).await),
        Command::Demo(options) => block_on(seen, async |_| demo::run(options, out).await),
    };
    // what was printed before a failure is a result too
    let written = output.flush();
    result.and(written)
}

/// Runs on tokio. The connection has threads of its own, so a slow reader of stdout does not hold
/// it up.
fn block_on(
    seen: Observability,
    work: impl AsyncFnOnce(&Observed) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(async {
        let seen = seen.serve()?;
        let result = work(&seen).await;
        seen.end().await;
        result
    });
    // a look-up of a host name may still run; nobody waits for it
    runtime.shutdown_background();
    result
}
