//! What it costs to be observed: the recorded burst to one subscriber and commands from many tasks,
//! without the feature `otel` and with it, nothing installed, an SDK, or a recorder.
//!
//! With and without the feature are two builds of the same contestant. The one with it is
//! `genesis-benches-otel`, whose `main` installs what a case says; this module knows nothing of it.

mod report;

use std::net::SocketAddr;

use genesis_client::Inbound;
use genesis_client::observe::{Connection, Telemetry};

use crate::measure::{Heap, Sample};
use crate::{Failure, block_on, commands, tcp};

pub(crate) use report::report;

/// What observes a contestant.
#[derive(Default)]
pub struct Observer {
    /// Given to the connection.
    pub telemetry: Telemetry,
    /// Whether the build must have the feature.
    pub is_linked: bool,
    /// Called at the end of the measured part: what was put off until later is done there. Gives how
    /// many spans have arrived.
    pub finish: Option<Box<dyn FnOnce() -> Result<u64, Failure>>>,
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer")
            .field("telemetry", &self.telemetry)
            .field("is_linked", &self.is_linked)
            .finish_non_exhaustive()
    }
}

/// Runs one contestant in this process: `events` or `commands`, then the address of the mock switch
/// and how many events it plays.
///
/// # Errors
///
/// When there is no such contestant, it is the wrong build for it, the connection fails, or events
/// are lost.
pub fn run(arguments: &[&str], observer: Observer, heap: Heap) -> Result<Sample, Failure> {
    let [what, address, events] = arguments else {
        return Err(format!("no such contestant: {arguments:?}").into());
    };
    if observer.is_linked != (size_of::<Connection>() > 0) {
        return Err("this binary was built with other features than its case is about".into());
    }
    let address: SocketAddr = address.parse()?;
    let telemetry = observer.telemetry;
    let connect = async move {
        Inbound::builder()
            .password("ClueCon")
            .telemetry(telemetry)
            .connect(address.to_string())
            .await
    };
    let (meter, done) = match *what {
        "events" => block_on(async move { tcp::genesis(connect.await?, "fresh 1", heap).await })?,
        "commands" => {
            let meter =
                block_on(async move { commands::genesis_tasks(connect.await?, heap).await })?;
            (meter, commands::COMMANDS)
        }
        _ => return Err(format!("no such contestant: {what}").into()),
    };
    let arrived = match observer.finish {
        Some(finish) => finish()?,
        None => 0,
    };
    let mut sample = meter.finish(done, 0);
    sample.held = arrived;
    if *what == "events" && done != events.parse::<u64>()? {
        return Err(format!("{done} of {events} events have come").into());
    }
    Ok(sample)
}
