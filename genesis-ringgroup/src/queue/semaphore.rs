//! A limit without names.

use std::sync::Arc;
use std::time::Duration;

use super::{Queue, Slot, SlotOptions};
use crate::Result;

/// A queue with a declared limit: so many at the same time, the others in their order.
///
/// Made by [`Queue::semaphore`]. Cheap to clone; clones and processes that use the same id share it.
#[derive(Clone, Debug)]
pub struct Semaphore {
    queue: Queue,
    id: Arc<str>,
    limit: usize,
}

impl Semaphore {
    pub(super) fn new(queue: Queue, id: &str, limit: usize) -> Self {
        Self {
            queue,
            id: id.into(),
            limit,
        }
    }

    /// Waits for a place.
    ///
    /// # Errors
    ///
    /// As [`Queue::slot`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line.
    pub async fn acquire(&self) -> Result<Slot> {
        let options = SlotOptions::new().limit(self.limit);
        self.queue.slot(&self.id, options).await
    }

    /// Waits for a place, `timeout` at most.
    ///
    /// # Errors
    ///
    /// As [`Queue::slot`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line.
    pub async fn acquire_within(&self, timeout: Duration) -> Result<Slot> {
        let options = SlotOptions::new().limit(self.limit).timeout(timeout);
        self.queue.slot(&self.id, options).await
    }
}
