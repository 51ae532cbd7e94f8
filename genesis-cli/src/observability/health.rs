//! Whether the switch is heard.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// FreeSWITCH sends HEARTBEAT every 20 s unless it is told otherwise.
const FRESH: Duration = Duration::from_secs(30);

/// When the last HEARTBEAT came.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Option<Instant>>);

impl Health {
    /// One came.
    pub(super) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// One came in the last 30 s.
    pub(super) fn is_fresh(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() <= FRESH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_counts_for_thirty_seconds() {
        let health = Health::default();
        assert!(!health.is_fresh(), "none came yet");
        health.beat();
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(health.is_fresh());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!health.is_fresh());
        health.beat();
        assert!(health.is_fresh());
    }
}
