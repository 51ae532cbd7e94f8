//! Who sees that a thread does not come back from a script.
//!
//! The limits of scripts make that impossible, as far as is known. This is for what is not known.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::Pool;
use super::worker::Running;

/// Wakes the watch when work begins: once, until it has looked.
#[derive(Clone)]
pub(super) struct Bell(Arc<Inner>);

struct Inner {
    rung: AtomicBool,
    ended: Mutex<bool>,
    news: Condvar,
}

impl Bell {
    /// The first ring wakes the watch; while it looks, the next ones cost a load.
    pub(super) fn ring(&self) {
        if !self.0.rung.load(Ordering::SeqCst) {
            // under its lock, so that it is not between its look and its sleep
            let _ended = self.0.ended();
            self.0.rung.store(true, Ordering::SeqCst);
            self.0.news.notify_all();
        }
    }
}

impl Inner {
    fn ended(&self) -> MutexGuard<'_, bool> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until work begins; false when the pool has ended.
    fn begun(&self) -> bool {
        let mut ended = self.ended();
        while !*ended && !self.rung.load(Ordering::SeqCst) {
            ended = self
                .news
                .wait(ended)
                .unwrap_or_else(PoisonError::into_inner);
        }
        !*ended
    }

    /// Waits so long; false when the pool has ended.
    fn passed(&self, time: Duration) -> bool {
        let until = Instant::now().checked_add(time);
        let mut ended = self.ended();
        while !*ended {
            let left = until.map_or(Duration::MAX, |until| {
                until.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return true;
            }
            let waited = self.news.wait_timeout(ended, left);
            ended = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

/// A thread of its own, so that neither a script nor the caller's runtime holds it up. It sleeps
/// while no thread is at work. It ends when this is dropped.
pub(super) struct Watch(Bell);

impl Watch {
    pub(super) fn new() -> Self {
        Self(Bell(Arc::new(Inner {
            rung: AtomicBool::new(false),
            ended: Mutex::new(false),
            news: Condvar::new(),
        })))
    }

    pub(super) fn bell(&self) -> Bell {
        self.0.clone()
    }

    pub(super) fn start(self, pool: &Arc<Pool>, patience: Duration) -> io::Result<Self> {
        let (bell, pool) = (self.bell(), Arc::downgrade(pool));
        std::thread::Builder::new()
            .name("genesis-lua-watch".to_owned())
            .spawn(move || watch(&bell, &pool, patience))?;
        Ok(self)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *self.0.0.ended() = true;
        self.0.0.news.notify_all();
    }
}

fn watch(bell: &Bell, pool: &Weak<Pool>, patience: Duration) {
    let at_work = || -> Option<Vec<(Arc<Running>, u64)>> {
        let running = pool.upgrade()?.running().into_iter();
        let at_work = running.filter_map(|running| Some((running.turn()?, running)));
        Some(at_work.map(|(turn, running)| (running, turn)).collect())
    };
    let mut before = Vec::new();
    loop {
        if before.is_empty() {
            // work that begins from here on rings, what began before is seen
            bell.0.rung.store(false, Ordering::SeqCst);
            before = match at_work() {
                Some(at_work) if at_work.is_empty() => {
                    if !bell.0.begun() {
                        return;
                    }
                    continue;
                }
                Some(at_work) => at_work,
                None => return,
            };
        }
        if !bell.0.passed(patience) {
            return;
        }
        let (Some(now), Some(pool)) = (at_work(), pool.upgrade()) else {
            return;
        };
        for (running, turn) in &before {
            let same =
                |(other, at): &(Arc<Running>, u64)| Arc::ptr_eq(other, running) && at == turn;
            let is_stuck = now.iter().any(same);
            if pool.mark(running, is_stuck, bell.clone()) {
                tell(running, is_stuck, patience);
            }
            if is_stuck {
                for job in running.give_up() {
                    // nobody can: who waits for it is told by its end
                    pool.give(job);
                }
            }
        }
        before = now;
    }
}

fn tell(running: &Running, is_stuck: bool, patience: Duration) {
    let label = running.label();
    let app = label.as_ref().map_or("", |label| label.app.as_str());
    let unique_id = label.as_ref().and_then(|label| label.unique_id.as_deref());
    match is_stuck {
        true => tracing::error!(
            target: "genesis_lua",
            app,
            unique_id,
            "a script has not come back for {patience:?} although it was to be stopped; its thread \
             gets no new calls, and those that it has wait; restart the process when none is up"
        ),
        false => tracing::warn!(
            target: "genesis_lua",
            app,
            "a thread has come back from its script and gets calls again"
        ),
    }
}
