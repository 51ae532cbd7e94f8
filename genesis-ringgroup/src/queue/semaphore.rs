//! A limit without names.

use std::sync::Arc;
use std::time::Duration;

use super::{Queue, Slot, SlotOptions};
use crate::Result;

/// A queue with a declared limit: so many at the same time, the others in their order.
///
/// Made by [`Queue::semaphore`]. Cheap to clone; clones and processes that use the same id share it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// use genesis_ringgroup::Queue;
///
/// let ports = Queue::in_memory().semaphore("transcoding", 2);
/// let (first, second) = (ports.acquire().await?, ports.acquire().await?);
/// drop(first); // whoever waits for a port goes on
/// # let _third = ports.acquire().await?; drop(second);
/// # Ok(()) }
/// ```
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
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::Queue;
    /// let recorders = Queue::in_memory().semaphore("recorder", 4);
    /// let recorder = recorders.acquire().await?;
    /// // … record_session …
    /// recorder.release().await?;
    /// # Ok(()) }
    /// ```
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
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::Queue;
    /// let trunk = Queue::in_memory().semaphore("carrier", 1);
    /// let line = trunk.acquire().await?;
    /// if trunk.acquire_within(Duration::from_millis(10)).await.is_err_and(|error| error.is_timeout()) {
    ///     println!("no line is free: try the other carrier");
    /// }
    /// # drop(line);
    /// # Ok(()) }
    /// ```
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
