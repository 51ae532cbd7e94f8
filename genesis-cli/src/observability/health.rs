//! Whether the switch is heard, or can reach us.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// FreeSWITCH sends HEARTBEAT every 20 s unless it is told otherwise.
const FRESH: Duration = Duration::from_secs(30);

/// How a command is doing: one that follows a switch by its last HEARTBEAT, one that takes calls
/// by listening.
#[derive(Default)]
pub(super) struct Health {
    heartbeat: Mutex<Option<Instant>>,
    listens: AtomicBool,
    drains: AtomicBool,
    broken: OnceLock<Box<dyn Fn() -> bool + Send + Sync>>,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("good", &self.is_good())
            .field("ready", &self.is_ready())
            .finish_non_exhaustive()
    }
}

impl Health {
    /// One came.
    pub(super) fn beat(&self) {
        let mut last = self
            .heartbeat
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = Some(Instant::now());
    }

    /// From now on until the end calls are taken.
    pub(super) fn listens(&self) {
        self.listens.store(true, Ordering::Relaxed);
    }

    /// From now on nothing new is taken; what is live is finished.
    pub(super) fn drains(&self) {
        self.drains.store(true, Ordering::Relaxed);
    }

    /// From now on `broken` says whether what runs here needs a restart.
    pub(super) fn asks(&self, broken: impl Fn() -> bool + Send + Sync + 'static) {
        // one command runs one thing
        let _ = self.broken.set(Box::new(broken));
    }

    /// It is good, and needs no restart.
    pub(super) fn is_well(&self) -> bool {
        self.is_good() && !self.broken.get().is_some_and(|broken| broken())
    }

    /// It is good, and takes what is new.
    pub(super) fn is_ready(&self) -> bool {
        self.is_good() && !self.drains.load(Ordering::Relaxed)
    }

    /// A HEARTBEAT came in the last 30 s, or calls are taken.
    pub(super) fn is_good(&self) -> bool {
        let last = *self
            .heartbeat
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let heard = last.is_some_and(|last| last.elapsed() <= FRESH);
        heard || self.listens.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_counts_for_thirty_seconds() {
        let health = Health::default();
        assert!(!health.is_good(), "none came yet");
        health.beat();
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(health.is_good());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!health.is_good());
        health.beat();
        assert!(health.is_good());
    }

    #[tokio::test(start_paused = true)]
    async fn who_listens_is_well_without_heartbeats() {
        let health = Health::default();
        health.listens();
        assert!(health.is_good());
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(health.is_good());
    }

    #[tokio::test(start_paused = true)]
    async fn what_needs_a_restart_is_not_well_and_still_ready() {
        let (health, stuck) = (Health::default(), Arc::new(AtomicBool::new(false)));
        let asked = stuck.clone();
        health.listens();
        health.asks(move || asked.load(Ordering::Relaxed));
        assert!(health.is_well());
        stuck.store(true, Ordering::Relaxed);
        assert!(!health.is_well() && health.is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn who_drains_is_well_and_not_ready() {
        let health = Health::default();
        health.listens();
        assert!(health.is_good() && health.is_ready());
        health.drains();
        assert!(health.is_well() && !health.is_ready());
    }
}
