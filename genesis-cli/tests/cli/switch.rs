//! A simulated switch in the test's own process, with which things can go wrong.

use std::thread;
use std::time::{Duration, Instant};

use genesis_sim::{FaultPlan, Faults, Sim};
use tokio::runtime::Runtime;

/// What does not come in half a minute does not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Listens on a port of its own until it is dropped.
pub(crate) struct Switch {
    sim: Sim,
    pub(crate) port: String,
    _runtime: Runtime,
}

impl Switch {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let sim = runtime
            .block_on(Sim::builder().listen("127.0.0.1:0").start())
            .unwrap();
        let port = sim.addr().unwrap().port().to_string();
        Self {
            sim,
            port,
            _runtime: runtime,
        }
    }

    /// The Unique-IDs of the channels that there are.
    pub(crate) fn channels(&self) -> Vec<String> {
        self.sim.switch().channels()
    }

    /// Waits until there are so many channels. Another process makes them, without a sign.
    pub(crate) fn until_channels(&self, count: usize) -> Vec<String> {
        let started = Instant::now();
        loop {
            let channels = self.channels();
            if channels.len() == count {
                return channels;
            }
            assert!(started.elapsed() < PATIENCE, "{channels:?}");
            thread::park_timeout(Duration::from_millis(2));
        }
    }

    fn faults(&self) -> &Faults {
        self.sim.faults()
    }

    /// Cuts every connection; they can be made again.
    pub(crate) fn cut(&self) {
        self.faults().cut_all();
    }

    /// Reads nothing any more.
    pub(crate) fn stall(&self) {
        self.faults().update(|plan| plan.stall_reads = true);
    }

    /// Reads and writes nothing any more, as behind a network that has gone.
    pub(crate) fn vanish(&self) {
        self.faults().update(|plan| {
            plan.stall_reads = true;
            plan.stall_writes = true;
        });
    }

    /// Cuts every connection, and lets nobody in again: clients give up at once.
    pub(crate) fn cut_for_good(&self) {
        let refuse = |plan: &mut FaultPlan| plan.wrong_password = true;
        self.faults().update(refuse);
        self.faults().cut_all();
    }
}
