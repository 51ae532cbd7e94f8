//! The threads that Lua runs on.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use genesis_client::observe::carrier;
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::io::Local;

/// Something to do on a worker's thread.
type Job = Box<dyn FnOnce() + Send>;

/// A pool of threads with one task queue each. A state lives on one of them from its first
/// instruction to its last. When the pool is dropped, what runs on it is dropped too.
pub(crate) struct Workers {
    workers: Vec<Worker>,
}

struct Worker {
    jobs: mpsc::UnboundedSender<Job>,
    states: Arc<AtomicUsize>,
}

/// A state's place on a worker; given up when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    states: Arc<AtomicUsize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.states.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Workers {
    /// Starts `threads` threads. What scripts' objects start when they are dropped (the hanging up of
    /// a call that nobody wants any more, the giving back of a slot) runs on `io`.
    pub(crate) fn start(threads: usize, io: &Handle) -> io::Result<Self> {
        let workers = (0..threads.max(1)).map(|number| Worker::start(number, io.clone()));
        let workers = workers.collect::<io::Result<_>>()?;
        Ok(Self { workers })
    }

    pub(crate) fn threads(&self) -> usize {
        self.workers.len()
    }

    /// How many states there are.
    pub(crate) fn states(&self) -> usize {
        let states = self.workers.iter();
        states
            .map(|worker| worker.states.load(Ordering::Relaxed))
            .sum()
    }

    /// Makes a future on the worker with the fewest states and runs it there, below the span that is
    /// current here. False if the worker is gone.
    pub(crate) fn spawn<F>(&self, make: F) -> bool
    where
        F: FnOnce() -> Local + Send + 'static,
    {
        let least = self
            .workers
            .iter()
            .min_by_key(|worker| worker.states.load(Ordering::Relaxed));
        let Some(worker) = least else {
            return false;
        };
        worker.states.fetch_add(1, Ordering::Relaxed);
        let place = Place {
            states: worker.states.clone(),
        };
        let carrier = carrier();
        let job = move || {
            let local = carrier.run(make());
            tokio::task::spawn_local(async move {
                local.await;
                drop(place);
            });
        };
        worker.jobs.send(Box::new(job)).is_ok()
    }
}

impl Worker {
    fn start(number: usize, io: Handle) -> io::Result<Self> {
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        let runtime = Builder::new_current_thread().build()?;
        std::thread::Builder::new()
            .name(format!("genesis-lua-{number}"))
            .spawn(move || {
                let local = LocalSet::new();
                let caller = io.clone();
                local.block_on(&runtime, async move {
                    // timers and what drops start belong to the caller's runtime
                    let _io = caller.enter();
                    while let Some(job) = queue.recv().await {
                        job();
                    }
                });
                let _io = io.enter();
                drop(local);
            })?;
        Ok(Self {
            jobs,
            states: Arc::default(),
        })
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("threads", &self.threads())
            .field("states", &self.states())
            .finish()
    }
}
