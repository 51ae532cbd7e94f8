//! The simulated switch on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use genesis_sim::{PipeListener, Sim, SimBuilder};
use tokio::io::DuplexStream;
use tokio::runtime::{Builder, Handle};

use crate::Failure;

/// A simulated switch that runs until the process ends.
#[derive(Clone)]
pub(crate) struct SwitchThread {
    sim: Arc<Sim>,
    runtime: Handle,
}

impl SwitchThread {
    /// Starts a switch.
    pub(crate) fn start(builder: SimBuilder) -> Result<Self, Failure> {
        let (started, starting) = mpsc::channel();
        thread::spawn(move || {
            let _ = started.send(run(builder, &started));
        });
        starting.recv()?
    }

    /// A switch with the sessions per second and the pace of `bgapi` that FreeSWITCH has as it is
    /// installed, or without these limits.
    pub(crate) fn builder(limits: Limits) -> SimBuilder {
        let builder = Sim::builder().switch(|options| options.heartbeat = None);
        let unlimited = limits != Limits::Installed;
        let builder = builder.switch(|options| {
            if unlimited {
                options.sessions_per_second = u32::MAX;
                options.max_sessions = usize::MAX;
            }
        });
        builder.listener(|options| {
            if limits == Limits::None {
                options.bgapi_pace = std::time::Duration::ZERO;
                // ten thousand that hang up at once are more events than wait in FreeSWITCH
                options.event_queue = usize::MAX;
            }
        })
    }

    /// Connects a client in memory.
    pub(crate) fn connect(&self) -> DuplexStream {
        // the switch's half of the connection is served by its own thread
        let _entered = self.runtime.enter();
        self.sim.connect()
    }

    /// What connects to this address arrives here.
    pub(crate) fn listen(&self, address: &str) -> PipeListener {
        self.sim.listen_in_memory(address)
    }

    /// Runs `work` on the switch's thread.
    pub(crate) fn run(&self, work: impl FnOnce(&Sim) + Send + 'static) {
        let sim = self.sim.clone();
        self.runtime.spawn(async move { work(&sim) });
    }

    /// How many channels are up. One that has hung up may still be there for a moment.
    pub(crate) fn channels(&self) -> usize {
        self.sim.switch().channels().len()
    }
}

/// Which limits a switch has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limits {
    /// None.
    None,
    /// A `bgapi` takes a millisecond, as in FreeSWITCH; sessions are not limited.
    Paced,
    /// 30 sessions a second, 1,000 at once, a `bgapi` takes a millisecond.
    Installed,
}

/// Ends only if the switch cannot be started.
fn run(
    builder: SimBuilder,
    started: &mpsc::Sender<Result<SwitchThread, Failure>>,
) -> Result<SwitchThread, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let sim = builder.start().await?;
        let switch = SwitchThread {
            sim: Arc::new(sim),
            runtime: Handle::current(),
        };
        let _ = started.send(Ok(switch));
        std::future::pending().await
    })
}
