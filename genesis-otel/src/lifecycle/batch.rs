//! Events that were read together.

use std::time::Instant;

/// The events that were read together: the clock is looked at once before and once after them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    began: Option<Instant>,
    events: u32,
}

impl Batch {
    /// One more event was read; whether it is the first of them.
    pub(super) fn begin(&mut self) -> bool {
        self.events = self.events.saturating_add(1);
        let is_first = self.began.is_none();
        if is_first {
            self.began = Some(Instant::now());
        }
        is_first
    }

    /// All of them have been handed out: how many seconds each took on average.
    pub(super) fn end(&mut self) -> f64 {
        let events = std::mem::take(&mut self.events).max(1);
        let began = self.began.take();
        began.map_or(0.0, |began| began.elapsed().as_secs_f64()) / f64::from(events)
    }
}
