//! [`Options`]: limits of scripts.

use std::time::Duration;

use genesis_proto::HangupCause;

use crate::state::Limits;

/// What scripts may use, and what happens when they fail.
///
/// ```
/// use std::time::Duration;
/// use genesis_lua::Options;
///
/// let mut options = Options::default();
/// options.computing = Duration::from_millis(200);
/// options.memory = 4 << 20;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Threads that Lua runs on. Default: as many as the machine has cores, at least 2. Each has a
    /// stack of 16 MiB, of which only what is used takes memory.
    pub threads: usize,
    /// Bytes of Lua values per state; default 16 MiB. What goes beyond is an error of the script
    /// (`not enough memory`).
    pub memory: usize,
    /// How long a script may compute without pausing; default 1 s. Then it is stopped. A thread that
    /// is at a script for more than twice as long gets no new calls; see
    /// [`Runtime::stuck_threads`](crate::Runtime::stuck_threads).
    pub computing: Duration,
    /// The cause that a call is hung up with when its script fails; default
    /// NORMAL_TEMPORARY_FAILURE. `None`: the connection is only closed, which hangs an `async` call
    /// up and lets the dialplan go on after a sync one.
    pub hangup_cause: Option<HangupCause>,
    /// How long a script may go on after its call's connection has ended; default 30 s.
    pub grace: Duration,
    /// How long one handler of a consumer may take for one event, its pauses included; default 1 h.
    pub handler_timeout: Duration,
    /// How many handlers of a consumer may be at work at once; default 10,000.
    pub handlers_at_work: usize,
    /// How long the end of a consumer may take; default 30 s.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism();
        Self {
            threads: cores.map_or(2, |cores| cores.get().max(2)),
            memory: 16 << 20,
            computing: Duration::from_secs(1),
            hangup_cause: Some(HangupCause::NormalTemporaryFailure),
            grace: Duration::from_secs(30),
            handler_timeout: Duration::from_secs(3600),
            handlers_at_work: 10_000,
            drain: Duration::from_secs(30),
        }
    }
}

impl Options {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            memory: self.memory,
            computing: self.computing,
        }
    }
}
