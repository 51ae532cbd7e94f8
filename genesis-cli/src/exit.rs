//! How the command ends: exit codes, and the one line that says what went wrong.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::error::ErrorKind as ClapKind;
use genesis_client::ErrorKind;
use genesis_client::proto::session::CloseReason;

use crate::cli::Cli;
use crate::logging;
use crate::output::{self, style};

/// The exit codes; 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// FreeSWITCH refused, or the work failed; of `hangup`, that there is no such channel, of
    /// `originate` and `ring`, that nobody answered.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// No connection, no authentication, no answer in time, or the link was lost; of `hangup`,
    /// that FreeSWITCH did not say in time that a channel hung up.
    Link = 3,
}

/// Why the command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    Error {
        code: Code,
        message: String,
    },
    /// The terminal has shown it as the result already.
    Told {
        code: Code,
        message: String,
    },
    /// The reader of stdout has gone (`| head`): it has what it wanted, so this is no error.
    ReaderGone,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Error {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Code::Failed, message)
    }

    /// What the last line of the results says, too: not said twice on a terminal.
    pub(crate) fn told(message: impl Into<String>) -> Self {
        let (code, message) = (Code::Failed, message.into());
        match io::stdout().is_terminal() && io::stderr().is_terminal() {
            true => Self::Told { code, message },
            false => Self::Error { code, message },
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// The link is gone for good.
    pub(crate) fn lost(reason: Option<&CloseReason>) -> Self {
        let reason = match reason {
            Some(reason) => reason.to_string(),
            None => "the connection was closed".to_owned(),
        };
        Self::new(Code::Link, format!("lost the link: {reason}"))
    }

    /// An error while writing results.
    pub(crate) fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::failed(format!("cannot write to stdout: {error}")),
        }
    }

    /// What went wrong, in words.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Error { message, .. } | Self::Told { message, .. } => message.clone(),
            Self::ReaderGone => "cannot write to stdout: its reader has gone".to_owned(),
        }
    }

    /// The command line is wrong.
    pub(crate) fn is_usage(&self) -> bool {
        let usage = Code::Usage;
        matches!(self, Self::Error { code, .. } if *code == usage)
    }

    /// The same failure, told after what led to it.
    pub(crate) fn after(self, before: &str) -> Self {
        match self {
            Self::Error { code, message } | Self::Told { code, message } => {
                Self::new(code, format!("{before}; {message}"))
            }
            Self::ReaderGone => Self::failed(before),
        }
    }

    /// Prints the line and gives the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        match self {
            Self::ReaderGone => ExitCode::SUCCESS,
            Self::Error { code, message } => {
                print(message, json);
                ExitCode::from(*code as u8)
            }
            Self::Told { code, .. } => ExitCode::from(*code as u8),
        }
    }
}

impl From<genesis_client::Error> for Failure {
    fn from(error: genesis_client::Error) -> Self {
        let code = match error.kind() {
            ErrorKind::InvalidArgument | ErrorKind::LimitExceeded => Code::Usage,
            ErrorKind::Timeout => Code::Link,
            _ if error.is_disconnected() => Code::Link,
            _ => Code::Failed,
        };
        Self::new(code, error.to_string())
    }
}

impl From<genesis_channel::Error> for Failure {
    fn from(error: genesis_channel::Error) -> Self {
        use genesis_channel::ErrorKind;

        let code = match error.kind() {
            ErrorKind::InvalidArgument | ErrorKind::LimitExceeded => Code::Usage,
            ErrorKind::Timeout | ErrorKind::Disconnected(_) => Code::Link,
            _ => Code::Failed,
        };
        Self::new(code, error.to_string())
    }
}

impl From<genesis_ringgroup::Error> for Failure {
    fn from(error: genesis_ringgroup::Error) -> Self {
        use genesis_ringgroup::ErrorKind;

        let code = match error.kind() {
            ErrorKind::InvalidArgument | ErrorKind::LimitExceeded => Code::Usage,
            ErrorKind::Timeout | ErrorKind::Backend | ErrorKind::Disconnected => Code::Link,
            _ => Code::Failed,
        };
        Self::new(code, error.to_string())
    }
}

/// What clap has to say: help and version, or what is wrong, in one line.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ClapKind::DisplayHelp | ClapKind::DisplayVersion => {
            // a reader that went away has what it wanted
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ClapKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(Code::Usage as u8)
        }
        _ => {
            let json = std::env::args_os()
                .take_while(|word| word != "--")
                .any(|word| word == "--json");
            print(
                &shorten(&error.to_string(), &command_of(std::env::args_os())),
                json,
            );
            ExitCode::from(Code::Usage as u8)
        }
    }
}

/// The command that these arguments are for: `genesis`, or `genesis api`.
fn command_of(arguments: impl Iterator<Item = OsString>) -> String {
    let genesis = Cli::command();
    let mut arguments = arguments.skip(1).take_while(|word| word != "--");
    while let Some(word) = arguments.next() {
        if word == "--loglevel" {
            // its value is no command
            arguments.next();
        } else if let Some(command) = word.to_str().and_then(|word| genesis.find_subcommand(word)) {
            return format!("genesis {}", command.get_name());
        } else if !word.as_encoded_bytes().starts_with(b"-") {
            break;
        }
    }
    "genesis".to_owned()
}

/// clap's report without its heading and its usage block, as one sentence; `command` is the one
/// whose help is to be read.
fn shorten(text: &str, command: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let mut parts: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("Usage: ") || line.starts_with("For more information") {
            break;
        }
        if !line.is_empty() {
            parts.push(line);
        }
    }
    let sentence = parts.join(" ").replace(" tip: ", "; ");
    format!("{sentence}; see {command} --help")
}

fn print(message: &str, json: bool) {
    let message = output::one_line(message);
    let mut stderr = io::stderr().lock();
    // stderr may be closed; then there is nobody to tell
    let _ = if json {
        writeln!(
            stderr,
            "{}",
            logging::json_line("ERROR", &message, "genesis")
        )
    } else {
        let style = if output::colours(stderr.is_terminal()) {
            style::ERROR
        } else {
            style::NONE
        };
        writeln!(stderr, "{style}error:{style:#} {message}")
    };
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn usage_errors_are_one_line_that_names_the_help() {
        for (arguments, expected) in [
            (&["genesis", "apii"][..], "unrecognized subcommand 'apii'"),
            (
                &["genesis", "api"],
                "the following required arguments were not provided: <COMMAND>",
            ),
            (&["genesis", "events", "--filter", "=x"], "names no header"),
        ] {
            let error = Cli::try_parse_from(arguments).unwrap_err();
            let line = shorten(&error.to_string(), "genesis events");
            assert!(line.contains(expected), "{line}");
            assert!(line.ends_with("; see genesis events --help"), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn the_command_is_found_among_the_options() {
        let command = |line: &str| command_of(line.split(' ').map(OsString::from));
        assert_eq!(command("genesis api --port x status"), "genesis api");
        assert_eq!(
            command("genesis --json --loglevel sim hangup"),
            "genesis hangup"
        );
        assert_eq!(
            command("genesis --loglevel=INFO events x"),
            "genesis events"
        );
        assert_eq!(command("genesis apii events"), "genesis");
        assert_eq!(command("genesis"), "genesis");
    }
}
