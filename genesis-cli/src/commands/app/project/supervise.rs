//! One process after the other.

use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::net::{TcpSocket, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Project;
use super::build::{NotBuilt, build};
use super::process::Process;
use crate::commands::Interrupts;
use crate::commands::app::rehearsal::Rehearsal;
use crate::commands::app::watch::Watch;
use crate::exit::Failure;
use crate::output::Output;

/// Nothing tells that an address is free or taken; so often it is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How long a program may take to listen or to connect before a simulated call is made.
const UP_WITHIN: Duration = Duration::from_secs(20);

type Building = Pin<Box<dyn Future<Output = Result<PathBuf, NotBuilt>> + Send>>;

/// Builds the project with optimizations and runs it until it ends or is told to.
pub(in crate::commands::app) async fn run(project: &Project, json: bool) -> Result<(), Failure> {
    let mut interrupts = Interrupts::new()?;
    tracing::info!("building {}", project.folder.display());
    let built = tokio::select! {
        built = build(project, true, json) => built,
        interrupted = interrupts.wait() => return interrupted,
    };
    let program = built.map_err(|error| cannot(&error, project, json))?;
    let mut process = start(&program, project)?;
    tokio::select! {
        status = process.ended() => return ended(status),
        interrupted = interrupts.wait() => interrupted?,
    }
    process.ask_to_end();
    finish(process, JoinSet::new(), &mut interrupts).await;
    Ok(())
}

/// Builds and runs the project, and again whenever a file of it is saved.
pub(in crate::commands::app) async fn dev(
    project: &Project,
    mut watch: Watch,
    mut rehearsal: Option<Rehearsal>,
    output: &mut Output,
) -> Result<(), Failure> {
    let json = output.json;
    let mut interrupts = Interrupts::new()?;
    let mut process: Option<Process> = None;
    let mut leaving = JoinSet::new();
    let mut building: Option<Building> = Some(begin(project, json));
    let mut first = true;
    loop {
        tokio::select! {
            interrupted = interrupts.wait() => {
                interrupted?;
                break;
            }
            () = watch.saved() => building = Some(begin(project, json)),
            built = of(&mut building) => {
                building = None;
                match built {
                    Ok(program) => {
                        first = false;
                        let replaced = replace(&program, project, process.take(), &mut leaving);
                        let next = tokio::select! {
                            next = replaced => next,
                            interrupted = interrupts.wait() => {
                                interrupted?;
                                break;
                            }
                        };
                        let (started, free) = next;
                        process = started;
                        if let (Some(process), Some(rehearsal)) = (&mut process, &mut rehearsal) {
                            let up = match free {
                                true => up(project, process, rehearsal).await,
                                // whoever is there would take the call
                                false => Err("somebody else listens on the address of the application".to_owned()),
                            };
                            match up {
                                Ok(()) => rehearsal.begin(),
                                Err(why) => tracing::error!("no simulated call is made: {why}"),
                            }
                        }
                    }
                    Err(error) if first => return Err(cannot(&error, project, json)),
                    Err(error) => {
                        show(&error, json);
                        let instead = match process {
                            Some(_) => "the version before it goes on",
                            None => "nothing runs until it can",
                        };
                        tracing::error!("it cannot be built: {}; {instead}", error.summary);
                    }
                }
            }
            status = gone(&mut process) => {
                process = None;
                match ended(status) {
                    Ok(()) => tracing::info!("the application has ended; it is started again when a file is saved"),
                    Err(failure) => tracing::error!("{}; it is started again when a file is saved", failure.text()),
                }
            }
            Some(_) = leaving.join_next() => {}
            told = told(&mut rehearsal) => told.print(output)?,
        }
    }
    drop(building);
    if let Some(rehearsal) = &rehearsal {
        rehearsal.leave().await;
    }
    if let Some(mut process) = process {
        process.ask_to_end();
        finish(process, leaving, &mut interrupts).await;
    } else {
        rest(leaving, &mut interrupts).await;
    }
    Ok(())
}

fn begin(project: &Project, json: bool) -> Building {
    tracing::info!("building {}", project.folder.display());
    let project = project.clone();
    Box::pin(async move { build(&project, false, json).await })
}

async fn of(building: &mut Option<Building>) -> Result<PathBuf, NotBuilt> {
    match building {
        Some(building) => building.await,
        None => std::future::pending().await,
    }
}

async fn gone(process: &mut Option<Process>) -> std::io::Result<ExitStatus> {
    match process {
        Some(process) => process.ended().await,
        None => std::future::pending().await,
    }
}

async fn told(rehearsal: &mut Option<Rehearsal>) -> crate::commands::app::rehearsal::Told {
    match rehearsal {
        Some(rehearsal) => rehearsal.told().await,
        None => std::future::pending().await,
    }
}

fn start(program: &std::path::Path, project: &Project) -> Result<Process, Failure> {
    let process = Process::start(program, project)
        .map_err(|error| Failure::failed(format!("cannot start {}: {error}", program.display())))?;
    tracing::info!("runs {}", program.display());
    Ok(process)
}

/// Has the old process drain, and starts the new one as soon as the address is free: the old one
/// closes its listener first thing, its calls go on. Also gives whether it was free.
async fn replace(
    program: &std::path::Path,
    project: &Project,
    old: Option<Process>,
    leaving: &mut JoinSet<()>,
) -> (Option<Process>, bool) {
    let mut patience = Duration::ZERO;
    if let Some(mut old) = old {
        old.ask_to_end();
        leaving.spawn(old.end());
        patience = project.drain;
    }
    let free = match &project.listens {
        Some(address) => {
            let began = Instant::now();
            let free = until(address, true, patience).await;
            let took = began.elapsed().as_secs_f64() * 1000.0;
            tracing::debug!("{address}: free after {took:.1} ms: {free}");
            free
        }
        None => true,
    };
    let process = start(program, project);
    let process = process.map_err(|failure| tracing::error!("{}", failure.text()));
    (process.ok(), free)
}

/// Waits until the program can be called; `Err`: why it cannot.
async fn up(project: &Project, process: &mut Process, rehearsal: &Rehearsal) -> Result<(), String> {
    let can = async {
        match &project.listens {
            Some(address) => match until(address, false, UP_WITHIN).await {
                true => Ok(()),
                false => Err(format!(
                    "the application does not listen on {address} (ESL_APP_HOST, ESL_APP_PORT)"
                )),
            },
            None => {
                rehearsal.connected(UP_WITHIN).await;
                Ok(())
            }
        }
    };
    tokio::select! {
        // the loop sees it too
        biased;
        _ = process.ended() => Err("the application has ended".to_owned()),
        can = can => can,
    }
}

/// Waits until nobody (`free`) or somebody listens on this address, for `patience` at most; whether it
/// came to that.
async fn until(address: &str, free: bool, patience: Duration) -> bool {
    let latest = Instant::now() + patience;
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while is_free(address).await != free {
        if Instant::now() >= latest {
            if free {
                tracing::warn!("{address} is taken");
            }
            return false;
        }
        looks.tick().await;
    }
    true
}

/// Whether one could listen on this address. Nothing is accepted by asking.
async fn is_free(address: &str) -> bool {
    let Ok(mut addresses) = lookup_host(address).await else {
        return true;
    };
    addresses.all(|address| {
        let socket = match address {
            std::net::SocketAddr::V4(_) => TcpSocket::new_v4(),
            std::net::SocketAddr::V6(_) => TcpSocket::new_v6(),
        };
        socket.is_ok_and(|socket| {
            // connections that are over, or go on, do not keep it
            #[cfg(unix)]
            let _ = socket.set_reuseaddr(true);
            socket.bind(address).is_ok()
        })
    })
}

/// Waits for the end of all; somebody who does not want to wait any longer has them killed.
async fn finish(process: Process, mut leaving: JoinSet<()>, interrupts: &mut Interrupts) {
    leaving.spawn(process.end());
    rest(leaving, interrupts).await;
}

async fn rest(mut leaving: JoinSet<()>, interrupts: &mut Interrupts) {
    let all = async { while leaving.join_next().await.is_some() {} };
    tokio::select! {
        () = all => {}
        // dropping the set kills them
        () = interrupts.wait_again() => tracing::warn!("the application is killed"),
    }
    leaving.shutdown().await;
}

fn ended(status: std::io::Result<ExitStatus>) -> Result<(), Failure> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::failed(format!(
            "the application ended with {status}"
        ))),
        Err(error) => Err(Failure::failed(format!(
            "the application cannot be waited for: {error}"
        ))),
    }
}

fn cannot(error: &NotBuilt, project: &Project, json: bool) -> Failure {
    show(error, json);
    let folder = project.folder.display();
    Failure::usage(format!("{folder} cannot be built: {}", error.summary))
}

/// The compiler's messages, as it prints them; as log lines with `--json`.
fn show(error: &NotBuilt, json: bool) {
    use std::io::Write as _;

    if json {
        for line in error
            .messages
            .lines()
            .filter(|line| !line.trim().is_empty())
        {
            tracing::error!(target: "cargo", "{line}");
        }
    } else {
        // stderr may be closed; then there is nobody to tell
        let _ = std::io::stderr()
            .lock()
            .write_all(error.messages.as_bytes());
    }
}
