//! Events that were read together.

use std::time::Instant;

use crate::metering::Meter;
use crate::vocabulary::values::Slot;

/// More than are read at once. Past that they are measured in parts.
const MOST: usize = 1_024;

/// The events that were read together and that nobody handles: the clock is looked at once before
/// and once after them.
#[derive(Default)]
pub(super) struct Batch {
    began: Option<Instant>,
    names: Vec<Slot>,
}

impl Batch {
    /// Whether this is the first event of them.
    pub(super) fn begin(&mut self) -> bool {
        let is_first = self.began.is_none();
        if is_first {
            self.began = Some(Instant::now());
        }
        is_first
    }

    /// One more has been handed out; whether that is enough.
    pub(super) fn add(&mut self, name: Slot) -> bool {
        self.names.push(name);
        self.names.len() >= MOST
    }

    /// All have been: each took as long as they did on average.
    pub(super) fn end(&mut self, meter: &mut Meter) {
        let Some(began) = self.began.take() else {
            return;
        };
        let each = began.elapsed().as_secs_f64() / self.names.len().max(1) as f64;
        for name in self.names.drain(..) {
            meter.record(|tables| &mut tables.processing, &[name], each);
        }
    }
}
