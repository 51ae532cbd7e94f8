//! The threads that Lua runs on.

mod watch;
mod worker;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use genesis_client::observe::carrier;
use tokio::runtime::Handle;

use crate::io::Local;
use watch::Watch;
use worker::{Job, Running, Worker};

/// What a thread of Lua has for its stack. Functions in C and Rust that call each other through Lua
/// are nested at most 200 deep, which Lua sees to. Measured without optimization on x86-64: those of
/// `functions_that_call_each_other_through_c_end_with_an_error` overflow 1 MiB and need less than 2 MiB,
/// which is 5 to 10 KB a level. Only what is touched takes memory.
pub(crate) const STACK: usize = 16 << 20;

/// A pool of threads with one task queue each. A state lives on one of them from its first
/// instruction to its last. When the pool is dropped, what runs on it is dropped too.
///
/// A thread that does not come back from a script is stuck: it gets no new states, what waits for it
/// goes to the others, and another thread takes its place, up to as many again as there were.
pub(crate) struct Workers {
    pool: Arc<Pool>,
    _watch: Watch,
}

/// What the watch shares with the pool.
struct Pool {
    workers: Mutex<Vec<Worker>>,
    threads: usize,
    io: Handle,
}

/// Who a state is for, as the log tells it.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) app: String,
    pub(crate) unique_id: Option<String>,
}

impl Workers {
    /// Starts `threads` threads. What scripts' objects start when they are dropped (the hanging up of
    /// a call that nobody wants any more, the giving back of a slot) runs on `io`. `patience`: how long
    /// a thread may be at one piece of a script.
    pub(crate) fn start(threads: usize, patience: Duration, io: &Handle) -> io::Result<Self> {
        let threads = threads.max(1);
        let watch = Watch::new();
        let workers = (0..threads).map(|number| Worker::start(number, io.clone(), watch.bell()));
        let pool = Arc::new(Pool {
            workers: Mutex::new(workers.collect::<io::Result<_>>()?),
            threads,
            io: io.clone(),
        });
        let watch = watch.start(&pool, patience)?;
        Ok(Self {
            pool,
            _watch: watch,
        })
    }

    pub(crate) fn threads(&self) -> usize {
        self.pool.threads
    }

    /// How many states there are.
    pub(crate) fn states(&self) -> usize {
        let workers = self.pool.workers();
        workers.iter().map(Worker::states).sum()
    }

    /// How many threads do not come back from a script.
    pub(crate) fn stuck(&self) -> usize {
        let workers = self.pool.workers();
        workers.iter().filter(|worker| worker.is_stuck()).count()
    }

    pub(crate) fn all_stuck(&self) -> bool {
        self.pool.workers().iter().all(Worker::is_stuck)
    }

    /// Makes a future on the worker with the fewest states and runs it there, below the span that is
    /// current here. False if there is no worker that could.
    pub(crate) fn spawn<F>(&self, label: Label, make: F) -> bool
    where
        F: FnOnce() -> Local + Send + 'static,
    {
        let carrier = carrier();
        self.pool.give(Job {
            label,
            make: Box::new(move || Box::pin(carrier.run(make()))),
        })
    }
}

impl Pool {
    fn workers(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To the worker with the fewest states of those that come back.
    fn give(&self, job: Job) -> bool {
        let workers = self.workers();
        let able = workers.iter().filter(|worker| !worker.is_stuck());
        match able.min_by_key(|worker| worker.states()) {
            Some(worker) => worker.give(job),
            None => false,
        }
    }

    /// Marks a worker; one that is stuck gets another thread in its place in the same moment, so that
    /// nobody finds none. False if it was marked so before.
    fn mark(&self, running: &Running, is_stuck: bool, watch: watch::Bell) -> bool {
        let mut workers = self.workers();
        let is_new = running.set_stuck(is_stuck);
        if is_new && is_stuck {
            self.replace(&mut workers, watch);
        }
        is_new
    }

    /// Another thread in the place of one that is stuck.
    fn replace(&self, workers: &mut Vec<Worker>, watch: watch::Bell) {
        let able = workers.iter().filter(|worker| !worker.is_stuck()).count();
        if able >= self.threads || workers.len() >= 2 * self.threads {
            return;
        }
        match Worker::start(workers.len(), self.io.clone(), watch) {
            Ok(worker) => workers.push(worker),
            Err(error) => {
                tracing::error!(target: "genesis_lua", %error, "a thread for Lua cannot be started");
            }
        }
    }

    fn running(&self) -> Vec<Arc<Running>> {
        let workers = self.workers();
        workers
            .iter()
            .map(|worker| worker.running().clone())
            .collect()
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("threads", &self.threads())
            .field("states", &self.states())
            .field("stuck", &self.stuck())
            .finish()
    }
}

#[cfg(test)]
mod tests;
