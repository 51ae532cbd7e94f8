//! The `genesis` command: talk to FreeSWITCH, decode its traffic, simulate it.

mod cli;
mod commands;
mod connect;
mod exit;
mod logging;
#[cfg(feature = "telemetry")]
mod observability;
#[cfg(not(feature = "telemetry"))]
#[path = "observability/off.rs"]
mod observability;
mod output;

use std::process::ExitCode;

use crate::cli::Cli;
use crate::exit::Failure;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    let json = cli.global.json;
    // before any thread is started: only then the local time zone can be asked for
    let result = logging::init(&cli.global).and_then(|()| commands::run(cli));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => Failure::report(&failure, json),
    }
}
