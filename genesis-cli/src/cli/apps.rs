//! The commands that run applications, and those that help to write them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use clap_complete::Shell;
use genesis_client::proto::Secret;
use ipnet::IpNet;

use super::Connect;
use super::values::{digits, seconds};
use crate::exit::Failure;
use crate::observability::Serve;

const APP: &str = "\
APP is a .lua file, a folder with main.lua, or the folder of a Cargo project, which is built and run \
and finds these options in its environment.

run: SIGTERM, Ctrl-C or a closed terminal drains: nothing new is taken, what is live may finish within \
--drain. A second signal ends at once.

dev: watches the files and reloads when one is saved. What is live goes on with the code that it \
started with; a version that cannot be loaded is shown, and the one before it stays.";

/// Runs an application that handles FreeSWITCH's events
///
/// It connects, and connects again whenever the link is lost.
#[derive(Debug, Args)]
#[command(
    override_usage = "genesis consumer [OPTIONS] [run] APP\n       genesis consumer [OPTIONS] dev APP",
    after_long_help = format!("{APP}\n\nExample:\n  genesis consumer ./app.lua\n  genesis consumer dev ./app.lua --sim\n  genesis --json consumer run ./app.lua --host pbx"),
    after_help = "Example:\n  genesis consumer ./app.lua\n  genesis consumer dev ./app.lua --sim"
)]
pub(crate) struct Consumer {
    #[command(flatten)]
    pub(crate) connect: Connect,
    #[command(flatten)]
    pub(crate) app: App,
}

/// Runs an application that takes the calls that FreeSWITCH hands over
///
/// In the dialplan: `<action application="socket" data="127.0.0.1:9000 async full"/>`
#[derive(Debug, Args)]
#[command(
    override_usage = "genesis outbound [OPTIONS] [run] APP\n       genesis outbound [OPTIONS] dev APP",
    after_long_help = format!("{APP}\n\nExample:\n  genesis outbound ./ivr.lua\n  genesis outbound dev ./ivr.lua --sim --digits 1\n  genesis outbound run ./ivr.lua --host 0.0.0.0 --allow 10.0.0.0/8"),
    after_help = "Example:\n  genesis outbound ./ivr.lua\n  genesis outbound dev ./ivr.lua --sim --digits 1"
)]
pub(crate) struct Outbound {
    /// Where to wait for FreeSWITCH's connections
    #[arg(long, env = "ESL_APP_HOST", default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// The port to wait on
    #[arg(long, env = "ESL_APP_PORT", default_value_t = 9000, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// Who may connect: an address, or a network as in 10.0.0.0/8; may be repeated. There is no
    /// password in this direction: whoever may connect is believed to be FreeSWITCH
    /// [default: this machine]
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    pub(crate) allow: Vec<IpNet>,
    /// How many calls may be live at once; more are given back to the dialplan
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_sessions: u32,
    /// What the simulated caller presses, with --sim: digits, `*` and `#`
    #[arg(long, value_name = "DIGITS", default_value = "", hide_default_value = true, value_parser = digits)]
    pub(crate) digits: String,
    #[command(flatten)]
    pub(crate) app: App,
}

/// Which application, and how it is run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Application")]
pub(crate) struct App {
    /// Which application, where a folder has several (NAME.lua, or a folder NAME), or which program of
    /// a Cargo project
    #[arg(long = "app", env = "ESL_APP_NAME", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How long what is live may take to finish at the end, or when a Cargo project is replaced
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) drain: Duration,
    /// With dev: against a simulated FreeSWITCH in this process; calls are made on each save, and
    /// what happens is printed
    #[arg(long)]
    pub(crate) sim: bool,
    /// `run` (which may be left out) or `dev`, and the application
    #[arg(required = true, num_args = 1..=2, value_name = "[run|dev] APP", value_hint = ValueHint::AnyPath)]
    words: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

/// How an application is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Run,
    Dev,
}

impl App {
    /// How it is run, and where it is.
    pub(crate) fn how(&self) -> Result<(How, &Path), Failure> {
        let mode = |word: &Path| match word.to_str() {
            Some("run") => Some(How::Run),
            Some("dev") => Some(How::Dev),
            _ => None,
        };
        let (how, path) = match &*self.words {
            [path] => match mode(path) {
                None => (How::Run, path),
                Some(_) => {
                    let word = path.display();
                    return Err(Failure::usage(format!(
                        "which application? write `{word} APP` (a folder of that name: ./{word})"
                    )));
                }
            },
            [word, path] => match mode(word) {
                Some(how) => (how, path),
                None => {
                    let (word, path) = (word.display(), path.display());
                    return Err(Failure::usage(format!(
                        "{word:?} is neither run nor dev, and {path:?} is one application too many"
                    )));
                }
            },
            _ => return Err(Failure::usage("give one application")),
        };
        if self.sim && how == How::Run {
            return Err(Failure::usage(
                "--sim is for dev; `genesis sim` is a simulated FreeSWITCH to run against",
            ));
        }
        Ok((how, path))
    }
}

/// Writes a small Cargo project: an application in Rust, with a test that runs it on the simulated
/// switch
///
/// `genesis consumer dev NAME` or `genesis outbound dev NAME` runs it; `cargo test` in it tests it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis new outbound my-ivr\n  genesis new consumer my-app --genesis https://example.com/genesis.git"
)]
pub(crate) struct New {
    /// What it is
    #[arg(value_enum)]
    pub(crate) kind: Kind,
    /// Its folder, which must not exist yet; the last part is its name
    #[arg(value_name = "NAME", value_hint = ValueHint::DirPath)]
    pub(crate) path: PathBuf,
    /// Genesis itself: the folder of a checkout, or the URL of a git repository
    /// [default: the checkout that this command was built from]
    #[arg(long, value_name = "PATH|GIT-URL")]
    pub(crate) genesis: Option<Secret>,
}

/// What an application does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Handles FreeSWITCH's events
    Consumer,
    /// Takes the calls that FreeSWITCH hands over
    Outbound,
}

/// Prints the completions of this command for a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis completions bash > ~/.local/share/bash-completion/completions/genesis\n  genesis completions fish > ~/.config/fish/completions/genesis.fish"
)]
pub(crate) struct Completions {
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(address).ok_or_else(|| {
        "write an IP address, or a network with its length, as in 10.0.0.0/8".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(words: &[&str], sim: bool) -> App {
        App {
            name: None,
            serve: Serve::default(),
            drain: Duration::from_secs(1),
            sim,
            words: words.iter().map(PathBuf::from).collect(),
        }
    }

    #[test]
    fn run_may_be_left_out() {
        for (words, expected) in [
            (&["app.lua"][..], (How::Run, "app.lua")),
            (&["run", "app.lua"], (How::Run, "app.lua")),
            (&["dev", "app.lua"], (How::Dev, "app.lua")),
            (&["./dev"], (How::Run, "./dev")),
            (&["dev", "run"], (How::Dev, "run")),
        ] {
            let (how, path) = app(words, false)
                .how()
                .map(|(how, path)| (how, path.to_owned()))
                .unwrap();
            assert_eq!((how, path.as_path()), (expected.0, Path::new(expected.1)));
        }
        assert!(app(&["dev"], false).how().is_err());
        assert!(app(&["a", "b"], false).how().is_err());
        assert!(app(&["app.lua"], true).how().is_err());
        assert!(app(&["dev", "app.lua"], true).how().is_ok());
    }

    #[test]
    fn a_network_may_be_one_address() {
        assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        assert_eq!(network("::1").unwrap().to_string(), "::1/128");
        assert!(network("pbx").is_err());
    }
}
