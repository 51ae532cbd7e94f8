//! One thread.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::watch::Bell;
use super::{Label, STACK};
use crate::io::Local;

/// A state to be made on a worker's thread.
pub(super) struct Job {
    pub(super) label: Label,
    pub(super) make: Box<dyn FnOnce() -> Local + Send>,
}

pub(super) struct Worker {
    /// Rings once for each job.
    door: mpsc::UnboundedSender<()>,
    running: Arc<Running>,
}

/// What others see of a thread.
pub(super) struct Running {
    waiting: Mutex<VecDeque<Job>>,
    states: AtomicUsize,
    /// Whom the states are for, by number.
    labels: Mutex<HashMap<u64, Label>>,
    numbers: AtomicU64,
    /// The state that was at work last.
    current: AtomicU64,
    /// Counts the beginnings and the ends of pieces of work: odd while there is one.
    turns: AtomicU64,
    stuck: AtomicBool,
    watch: Bell,
}

impl Worker {
    pub(super) fn start(number: usize, io: Handle, watch: Bell) -> io::Result<Self> {
        let (door, mut rings) = mpsc::unbounded_channel::<()>();
        let runtime = Builder::new_current_thread().build()?;
        let running = Arc::new(Running {
            waiting: Mutex::default(),
            states: AtomicUsize::new(0),
            labels: Mutex::default(),
            numbers: AtomicU64::new(0),
            current: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            stuck: AtomicBool::new(false),
            watch,
        });
        let here = running.clone();
        std::thread::Builder::new()
            .name(format!("genesis-lua-{number}"))
            .stack_size(STACK)
            .spawn(move || {
                let local = LocalSet::new();
                let caller = io.clone();
                local.block_on(&runtime, async move {
                    // timers and what drops start belong to the caller's runtime
                    let _io = caller.enter();
                    while rings.recv().await.is_some() {
                        // another worker may have got it
                        if let Some(job) = here.take() {
                            tokio::task::spawn_local(Watched::new(job, &here));
                            // it begins before the next is taken from where others could get it
                            tokio::task::yield_now().await;
                        }
                    }
                });
                let _io = io.enter();
                drop(local);
            })?;
        Ok(Self { door, running })
    }

    pub(super) fn running(&self) -> &Arc<Running> {
        &self.running
    }

    pub(super) fn states(&self) -> usize {
        self.running.states.load(Ordering::Relaxed)
    }

    pub(super) fn is_stuck(&self) -> bool {
        self.running.stuck.load(Ordering::Relaxed)
    }

    pub(super) fn give(&self, job: Job) -> bool {
        self.running.states.fetch_add(1, Ordering::Relaxed);
        self.running.waiting().push_back(job);
        // a thread that is at work without an end tells nobody that it began to wait for it
        self.running.watch.ring();
        self.door.send(()).is_ok()
    }
}

impl Running {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn labels(&self) -> MutexGuard<'_, HashMap<u64, Label>> {
        self.labels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Job> {
        self.waiting().pop_front()
    }

    /// What waits for the thread, for others.
    pub(super) fn give_up(&self) -> VecDeque<Job> {
        let jobs = std::mem::take(&mut *self.waiting());
        self.states.fetch_sub(jobs.len(), Ordering::Relaxed);
        jobs
    }

    /// The piece of work that it is at, as its number; none if it is at none.
    pub(super) fn turn(&self) -> Option<u64> {
        let turn = self.turns.load(Ordering::SeqCst);
        (turn % 2 == 1).then_some(turn)
    }

    pub(super) fn label(&self) -> Option<Label> {
        let current = self.current.load(Ordering::Relaxed);
        self.labels().get(&current).cloned()
    }

    /// Says whether it is stuck; gives whether that is new.
    pub(super) fn set_stuck(&self, stuck: bool) -> bool {
        self.stuck.swap(stuck, Ordering::Relaxed) != stuck
    }

    fn begin(&self, number: u64) {
        self.current.store(number, Ordering::Relaxed);
        self.turns.fetch_add(1, Ordering::SeqCst);
        self.watch.ring();
    }

    fn end(&self) {
        self.turns.fetch_add(1, Ordering::SeqCst);
    }
}

/// A state at work, as the watch sees it.
struct Watched {
    /// `None` while it is dropped.
    work: Option<Local>,
    number: u64,
    running: Arc<Running>,
}

impl Watched {
    fn new(job: Job, running: &Arc<Running>) -> Self {
        let number = running.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        running.labels().insert(number, job.label);
        Self {
            work: Some((job.make)()),
            number,
            running: running.clone(),
        }
    }
}

impl Future for Watched {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.running.begin(self.number);
        let polled = match &mut self.work {
            Some(work) => work.as_mut().poll(context),
            None => Poll::Ready(()),
        };
        if polled.is_ready() {
            self.work = None;
        }
        self.running.end();
        polled
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.work.is_some() {
            self.running.begin(self.number);
            self.work = None;
            self.running.end();
        }
        self.running.labels().remove(&self.number);
        self.running.states.fetch_sub(1, Ordering::Relaxed);
    }
}
