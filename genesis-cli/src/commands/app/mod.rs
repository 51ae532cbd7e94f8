//! `genesis consumer` and `genesis outbound`: applications, run and reloaded.

mod find;
mod lua;
mod project;
mod rehearsal;
mod watch;

use std::ffi::OsString;

use clap::ValueEnum as _;
use genesis_client::proto::Secret;

pub(crate) use self::find::Found;

use self::find::find;
use self::lua::{Script, Server};
use self::project::Project;
use self::rehearsal::{Rehearsal, What};
use self::watch::Watch;
use crate::cli::{App, Command, Connect, Consumer, How, Outbound};
use crate::exit::Failure;
use crate::logging::Level;
use crate::observability::Observed;
use crate::output::Output;

/// What a Cargo project's program finds in its environment.
type Environment = Vec<(&'static str, OsString)>;

/// Finds the application of a command that runs one.
pub(crate) fn find_for(command: &Command) -> Result<Option<(How, Found)>, Failure> {
    match command {
        Command::Consumer(options) => find(&options.app, "consumer").map(Some),
        Command::Outbound(options) => find(&options.app, "outbound").map(Some),
        _ => Ok(None),
    }
}

/// Runs an application that handles events.
pub(crate) async fn consumer(
    options: Consumer,
    level: Option<Level>,
    seen: &Observed,
    output: &mut Output,
) -> Result<(), Failure> {
    let (how, found) = find(&options.app, "consumer")?;
    // a wrong option is told before anything is built
    let _checked = options.connect.builder()?;
    let watch = watch(how, &found)?;
    let rehearsal = match options.app.sim {
        true => Some(Rehearsal::start(What::Consumer).await?),
        false => None,
    };
    let mut connect = options.connect.clone();
    if let Some(rehearsal) = &rehearsal {
        let (address, password) = rehearsal.switch();
        connect = Connect {
            host: address.ip().to_string(),
            port: address.port(),
            user: None,
            password: Secret::from(password),
        };
    }
    match found {
        Found::Project(folder) => {
            let project = Project {
                folder,
                program: options.app.name.clone(),
                environment: connection(&connect, &options.app, level, output.json),
                drain: options.app.drain,
                listens: None,
            };
            cargo(&project, watch, rehearsal, output).await
        }
        Found::Lua { main, whole } => {
            let script = Script {
                main,
                whole,
                drain: options.app.drain,
                watch,
                rehearsal,
            };
            lua::consumer(script, &connect, seen, output).await
        }
    }
}

/// Runs an application that takes calls.
pub(crate) async fn outbound(
    options: Outbound,
    level: Option<Level>,
    seen: &Observed,
    output: &mut Output,
) -> Result<(), Failure> {
    let (how, found) = find(&options.app, "outbound")?;
    if options.host.is_empty() {
        return Err(Failure::usage(
            "--host is empty; leave it out (and ESL_APP_HOST unset) for 127.0.0.1",
        ));
    }
    let watch = watch(how, &found)?;
    let address = address(&options.host, options.port);
    let rehearsal = match options.app.sim {
        true => {
            let (address, digits) = (address.clone(), options.digits.clone());
            Some(Rehearsal::start(What::Outbound { address, digits }).await?)
        }
        false => None,
    };
    match found {
        Found::Project(folder) => {
            let project = Project {
                folder,
                program: options.app.name.clone(),
                environment: listening(&options, level, output.json),
                drain: options.app.drain,
                listens: Some(address),
            };
            cargo(&project, watch, rehearsal, output).await
        }
        Found::Lua { main, whole } => {
            let script = Script {
                main,
                whole,
                drain: options.app.drain,
                watch,
                rehearsal,
            };
            let server = Server {
                address,
                allow: options.allow,
                max_sessions: usize::try_from(options.max_sessions).unwrap_or(usize::MAX),
            };
            lua::outbound(script, &server, seen, output).await
        }
    }
}

fn watch(how: How, found: &Found) -> Result<Option<Watch>, Failure> {
    match how {
        How::Run => Ok(None),
        // from before it is loaded, so that no save is missed
        How::Dev => Watch::start(found).map(Some),
    }
}

async fn cargo(
    project: &Project,
    watch: Option<Watch>,
    rehearsal: Option<Rehearsal>,
    output: &mut Output,
) -> Result<(), Failure> {
    match watch {
        Some(watch) => project::dev(project, watch, rehearsal, output).await,
        None => project::run(project, output.json).await,
    }
}

/// `host:port`; an IPv6 address in brackets.
fn address(host: &str, port: u16) -> String {
    match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// The variables of every application.
fn common(app: &App, level: Option<Level>, json: bool) -> Environment {
    let mut all: Environment = Vec::new();
    if let Some(name) = &app.name {
        all.push(("ESL_APP_NAME", name.into()));
    }
    if let Some(name) = level.and_then(|level| level.to_possible_value()) {
        all.push(("ESL_LOG_LEVEL", name.get_name().into()));
    }
    if json {
        all.push(("ESL_LOG_JSON", "1".into()));
    }
    let drain = app.drain.as_secs_f64().to_string();
    all.push(("ESL_APP_DRAIN", drain.into()));
    all
}

fn connection(connect: &Connect, app: &App, level: Option<Level>, json: bool) -> Environment {
    let mut all = common(app, level, json);
    all.push(("ESL_HOST", (&connect.host).into()));
    all.push(("ESL_PORT", connect.port.to_string().into()));
    all.push(("ESL_PASSWORD", connect.password.expose().into()));
    if let Some(user) = &connect.user {
        all.push(("ESL_USER", user.into()));
    }
    all
}

fn listening(options: &Outbound, level: Option<Level>, json: bool) -> Environment {
    let mut all = common(&options.app, level, json);
    all.push(("ESL_APP_HOST", (&options.host).into()));
    all.push(("ESL_APP_PORT", options.port.to_string().into()));
    let sessions = options.max_sessions.to_string();
    all.push(("ESL_APP_MAX_SESSIONS", sessions.into()));
    let allow: Vec<String> = options.allow.iter().map(ToString::to_string).collect();
    if !allow.is_empty() {
        all.push(("ESL_APP_ALLOW", allow.join(",").into()));
    }
    all
}
