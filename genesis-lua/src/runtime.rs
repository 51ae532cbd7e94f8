//! [`Runtime`]: the threads that applications run on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;

use crate::api::shared::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::workers::Workers;

/// The threads that Lua runs on, and what scripts share: queues and counts in memory, connections to
/// Redis. Cheap to clone; when the last clone and the last application are gone, the threads end.
///
/// Scripts run on threads of their own. Everything that they ask of a connection is done on the
/// tokio runtime that [`new`](Self::new) is given, and only awaited on the script's thread.
///
/// ```no_run
/// use genesis_client::Outbound;
/// use genesis_lua::{App, Live, Options, Runtime};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let runtime = Runtime::new(Options::default(), tokio::runtime::Handle::current())?;
/// let live = Live::new(App::load("ivr.lua")?);
/// let server = Outbound::builder().bind("127.0.0.1:9000").await?;
/// server.serve(runtime.outbound(&live)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Runtime(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) workers: Workers,
    pub(crate) options: Options,
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Counters,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64,)* }

        /// What a [`Runtime`] has done so far.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            /// Lua states, now: one per call, one per consumer.
            pub states: usize,
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            fn snapshot(&self, states: usize) -> Stats {
                Stats { states, $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Calls that a script has begun to handle.
    sessions,
    /// Scripts of calls that ended without an error. That the caller hung up is none.
    succeeded,
    /// Scripts of calls that failed.
    failed,
    /// Handlers of digits and hangups that failed, in calls.
    callbacks_failed,
    /// Events that handlers of consumers were run for.
    events,
    /// Handlers of consumers that failed.
    handlers_failed,
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Runtime {
    /// Starts the threads. `io` is the runtime that connections are made in; it needs its timers.
    ///
    /// # Errors
    ///
    /// When the system gives no more threads.
    pub fn new(options: Options, io: Handle) -> Result<Self> {
        let patience = options.computing.saturating_mul(2);
        let workers = Workers::start(options.threads, patience, &io).map_err(|error| {
            let text = format!("a thread for Lua cannot be started: {error}");
            Error::new(ErrorKind::Runtime, text).with_source(error)
        })?;
        Ok(Self(Arc::new(Inner {
            workers,
            options,
            shared: Arc::new(Shared::new()),
            counters: Counters::default(),
        })))
    }

    /// Its options.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// How many threads do not come back from a script: they have been at it for more than twice
    /// [`Options::computing`]. Each gets no new states; others take its place, up to as many again as
    /// [`Options::threads`]. Not 0 means that the process should be restarted; the log tells the
    /// application and the call.
    pub fn stuck_threads(&self) -> usize {
        self.0.workers.stuck()
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.0.counters.snapshot(self.0.workers.states())
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("workers", &self.0.workers)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
