//! The command line as clap sees it.

mod apps;
mod calls;
pub(crate) mod values;

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use genesis_client::HeaderFilter;
use genesis_client::proto::name::LogLevel;
use genesis_client::proto::{EventFormat, Limits, Secret};

use self::values::{filter, listen, log_level, seconds};
use crate::logging::Level;
use crate::observability::Serve;

pub(crate) use apps::{App, Completions, Consumer, How, Kind, New, Outbound};
pub(crate) use calls::{Channels, Hangup, Mode, Originate, Ring, WaitFor};

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  FreeSWITCH refused the command (-ERR, -USAGE), or the work failed
  2  the command line is wrong
  3  no connection, no authentication, or the link was lost

Environment, besides what `genesis COMMAND --help` names:
  OTEL_EXPORTER_OTLP_ENDPOINT  a collector that is to get spans and metrics, as in
                               http://localhost:4318; and the other OTEL_ variables, as
                               OpenTelemetry has them
  GENESIS_TRACE_ESL_LIFECYCLE, GENESIS_TRACE_CUSTOM_SUBCLASSES, GENESIS_TRACE_CHANNELS,
  GENESIS_EXCLUDED_EVENTS, GENESIS_EXCLUDED_COMMANDS
                               what becomes a span; genesis-otel/ENVIRONMENT.md of the source,
                               which is also in the documentation of genesis_otel::init, says
                               how, and has every OTEL_ variable
  GENESIS_LOG_LEVEL            as --loglevel

Example:
  genesis demo                       # no FreeSWITCH needed
  genesis api status
  genesis events CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE";

/// Talks to FreeSWITCH over its event socket, decodes its traffic, simulates it.
#[derive(Debug, Parser)]
#[command(name = "genesis", version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Results on stdout and logs on stderr as JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Which log lines of this program to show: TRACE, DEBUG, INFO, WARNING, ERROR or CRITICAL
    /// [default: $ESL_LOG_LEVEL, else $GENESIS_LOG_LEVEL, else INFO]
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        ignore_case = true,
        hide_possible_values = true
    )]
    pub(crate) loglevel: Option<Level>,
}

impl Cli {
    /// Reads the command line and the environment. A variable that is empty counts as unset.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let without_empty = |argument: clap::Arg| {
            let empty = argument
                .get_env()
                .and_then(std::env::var_os)
                .is_some_and(|value| value.is_empty());
            match empty {
                true => argument.env(clap::builder::Resettable::Reset),
                false => argument,
            }
        };
        let mut command = Self::command();
        let names: Vec<String> = command
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
            .collect();
        for name in names {
            command = command.mut_subcommand(name, |command| command.mut_args(without_empty));
        }
        let mut matches = command.clone().try_get_matches()?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Decode(Decode),
    Api(Api),
    Bgapi(Bgapi),
    Events(Events),
    Logs(Logs),
    Originate(Originate),
    Ring(Ring),
    Channels(Channels),
    Hangup(Hangup),
    Consumer(Consumer),
    Outbound(Outbound),
    New(New),
    Sim(Sim),
    Demo(Demo),
    Completions(Completions),
}

impl Command {
    /// Whether the command does one thing at once, so that whoever typed it waits for its end.
    #[cfg_attr(
        not(feature = "telemetry"),
        allow(dead_code, reason = "nothing is flushed")
    )]
    pub(crate) fn is_brief(&self) -> bool {
        match self {
            Self::Api(_)
            | Self::Bgapi(_)
            | Self::Originate(_)
            | Self::Ring(_)
            | Self::Hangup(_) => true,
            Self::Channels(options) => !options.watch,
            _ => false,
        }
    }

    /// Where the command serves metrics, if it is one that follows.
    pub(crate) fn serves(&self) -> Option<&Serve> {
        match self {
            Self::Events(options) => Some(&options.serve),
            Self::Logs(options) => Some(&options.serve),
            Self::Consumer(options) => Some(&options.app.serve),
            Self::Outbound(options) => Some(&options.app.serve),
            Self::Channels(options) => options.watch.then_some(&options.serve),
            _ => None,
        }
    }
}

/// Where FreeSWITCH is and who we are.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connect {
    /// The host of FreeSWITCH's event socket
    #[arg(long, env = "ESL_HOST", default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// The port of FreeSWITCH's event socket
    #[arg(long, env = "ESL_PORT", default_value_t = 8021, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// Authenticate as this user of the directory, with `userauth` (USER or USER@DOMAIN)
    #[arg(long, env = "ESL_USER")]
    pub(crate) user: Option<String>,
    /// The password; better given in the environment, where other users cannot see it
    /// [default: the one FreeSWITCH is installed with]
    #[arg(
        long,
        env = "ESL_PASSWORD",
        hide_env_values = true,
        default_value = "ClueCon",
        hide_default_value = true
    )]
    pub(crate) password: Secret,
}

/// Decodes raw event socket bytes to JSON lines
///
/// Reads what FreeSWITCH sent, from a file or stdin, and prints one JSON object per frame:
/// {"type", "headers", "body"?, "event"?: {"headers", "body"}}. A list is an array header, or a
/// header that occurs with several values. An event that cannot be parsed gives "event": null and
/// its text in "body". An unfinished frame at the end gives {"error":"truncated","offset":N}.
/// The output is the same with and without --json.
///
/// Where framing is broken (a Content-Length that is no number, a frame past the limits) no
/// boundary is known any more: what came before is printed, an error names the byte, and the exit
/// code is 1. A FILE that cannot be read is exit code 2.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis decode capture.bin | jq .event.headers\n  nc switch 8021 | genesis decode"
)]
pub(crate) struct Decode {
    /// The longest body of a frame (its Content-Length) that is read; a longer one is an error
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body)]
    pub(crate) max_body: usize,
    /// The file with the bytes; `-`, or nothing, is stdin
    pub(crate) file: Option<PathBuf>,
}

/// Runs an api command and prints what it gives
///
/// The words are joined with a blank each. Quote the command, or put it after `--`, when a word of
/// it begins with a hyphen. While it runs FreeSWITCH does nothing else for this connection.
///
/// With --json prints {"command", "ok", "body"}, for a refusal too.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis api status\n  genesis api --json show channels as json\n  genesis api --host pbx 'originate user/1000 &park'"
)]
pub(crate) struct Api {
    #[command(flatten)]
    pub(crate) connect: Connect,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    pub(crate) timeout: std::time::Duration,
    /// The command and its arguments
    #[arg(required = true, allow_negative_numbers = true, value_name = "COMMAND")]
    pub(crate) words: Vec<String>,
}

/// Runs an api command in the background, waits for its job and prints the result
///
/// The words are joined with a blank each. Quote the command, or put it after `--`, when a word of
/// it begins with a hyphen. Ctrl-C stops the waiting, not the job.
///
/// With --json prints {"command", "ok", "job_uuid", "body"}, for a refusal too.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis bgapi originate user/1000 9664\n  genesis bgapi --timeout 90 'originate user/1000 &park'"
)]
pub(crate) struct Bgapi {
    #[command(flatten)]
    pub(crate) connect: Connect,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds)]
    pub(crate) timeout: std::time::Duration,
    /// The command and its arguments
    #[arg(required = true, allow_negative_numbers = true, value_name = "COMMAND")]
    pub(crate) words: Vec<String>,
}

/// Follows events as they happen
///
/// Prints a line for each: the time by FreeSWITCH's clock, the name, the first eight characters of
/// the Unique-ID and what tells most. With --json prints an object for each, with all headers:
/// {"headers", "body"}; holes are {"lagged": N} and {"gap": {"seconds", "reason", "attempts"}}.
///
/// Ctrl-C ends it with exit code 0, a lost link without --reconnect with 3.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis events\n  genesis events CHANNEL_ANSWER sofia::register --filter 'Caller-Caller-ID-Number~^10'\n  genesis events --json --count 1 HEARTBEAT | jq -r '.headers[\"Session-Count\"]'"
)]
pub(crate) struct Events {
    #[command(flatten)]
    pub(crate) connect: Connect,
    #[command(flatten)]
    pub(crate) serve: Serve,
    /// The format on the wire; the output is the same
    #[arg(long, value_enum, default_value_t, ignore_case = true)]
    pub(crate) format: Format,
    /// Only events with this header: `Header=value`, `Header~regex`, or `Header` for any value.
    /// May be repeated; all must match. Applied here, so others see what they asked for
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    pub(crate) filter: Vec<HeaderFilter>,
    /// Stop after this many events
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Keep connecting, the first time too and whenever the link is lost, and show the gap
    #[arg(long)]
    pub(crate) reconnect: bool,
    /// Event names, and subclasses of CUSTOM events (`sofia::register`, or after the word CUSTOM).
    /// None: every event
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// Follows FreeSWITCH's log
///
/// With --json prints {"level", "file", "line", "function", "unique_id", "text"} for each line.
/// Ctrl-C ends it with exit code 0, a lost link with 3.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis logs\n  genesis logs --level warning\n  genesis logs --level 7 --json | jq -r .text"
)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) connect: Connect,
    #[command(flatten)]
    pub(crate) serve: Serve,
    /// The least important level to show: CONSOLE, ALERT, CRIT, ERR, WARNING, NOTICE, INFO, DEBUG,
    /// or 0 to 7
    #[arg(long, default_value = "INFO", value_parser = log_level)]
    pub(crate) level: LogLevel,
}

/// Runs a simulated FreeSWITCH
///
/// Speaks the event socket as FreeSWITCH does, with calls that follow a script. Prints the address
/// it listens on ({"listening"} with --json) and runs until Ctrl-C or SIGTERM.
///
/// Without a script, user/…, sofia/… and loopback/… ring for a second and answer, and sim/answer,
/// sim/busy, sim/no_answer, sim/reject, sim/unregistered and sim/fail do as they say. Options stand
/// behind a `?`, as in sim/answer?after=3s&hangup_after=10s and sim/busy?after=500ms: after, rings,
/// early_media, hangup_after, hangup_cause, digits, digit_gap, cause.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis sim &\n  genesis bgapi originate sim/busy 9664\n\nA script:\n  {\"destinations\": [{\"match\": \"user/1000\", \"ring\": \"2s\", \"then\": \"answer\", \"hangup_after\": \"5s\"},\n                    {\"match\": \"user/*\", \"then\": \"busy\"}],\n   \"extensions\": {\"7777\": [\"answer\", \"socket 127.0.0.1:8084 async full\"]}}"
)]
pub(crate) struct Sim {
    /// Where to listen: HOST:PORT, or an IP address with its port; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8021", value_parser = listen)]
    pub(crate) listen: String,
    /// The password clients need [default: the one FreeSWITCH is installed with]
    #[arg(
        long,
        env = "ESL_PASSWORD",
        hide_env_values = true,
        default_value = "ClueCon",
        hide_default_value = true
    )]
    pub(crate) password: Secret,
    /// A JSON file that says who answers and how
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
}

/// Shows a ring group and a queue, on a simulated switch in this process
///
/// Rings three destinations, of which one is silent, one is busy and one answers, and serves three
/// callers in the order they came, one at a time, who hear music while they wait. Needs no
/// FreeSWITCH and no set-up, and takes a few seconds. Ends with an error if a step did not happen.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis demo\n  genesis demo --telemetry\n  genesis demo --json | jq -r .text"
)]
pub(crate) struct Demo {
    /// Prints the trace of the ring group's call at the end, as a backend would show it, and a few
    /// metrics. They stay in this process, whatever OTEL_ variables say; OTEL_TRACES_SAMPLER may
    /// keep no trace
    #[arg(long)]
    pub(crate) telemetry: bool,
}

/// The format of events on the wire.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Plain,
    Json,
    Xml,
}

impl From<Format> for EventFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Plain => Self::Plain,
            Format::Json => Self::Json,
            Format::Xml => Self::Xml,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
