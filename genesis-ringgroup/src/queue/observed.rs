//! A wait for a place, as telemetry sees it.

use std::time::Duration;

use genesis_client::observe::{Connection, Operation};
use tokio::sync::watch;

use crate::Error;

/// The operation `queue.wait_and_acquire`, until the wait is over.
pub(super) struct Waiting {
    operation: Option<Operation>,
    positions: Option<watch::Receiver<Option<usize>>>,
}

impl Waiting {
    pub(super) fn new(
        observe: &Connection,
        queue: &str,
        item: &str,
        timeout: Option<Duration>,
    ) -> Self {
        let operation = observe.operation("queue.wait_and_acquire", timeout);
        operation.text("queue.id", queue);
        operation.text("queue.item_id", item);
        Self {
            operation: Some(operation),
            positions: None,
        }
    }

    /// Where it reads how many are before it, if somebody wants to know.
    pub(super) fn entered(&mut self, positions: impl FnOnce() -> watch::Receiver<Option<usize>>) {
        let recording = self.operation.as_ref().is_some_and(Operation::is_recording);
        self.positions = recording.then(positions);
    }

    pub(super) fn acquired(&mut self, ahead: usize) {
        if let Some(operation) = self.operation.take() {
            operation.number("queue.depth", ahead as u64);
            operation.succeeded();
        }
    }

    pub(super) fn failed(&mut self, error: &Error) {
        if let Some(operation) = self.end() {
            operation.failed(error.kind().as_str(), error);
        }
    }

    /// Takes the operation, with what is known of its depth.
    fn end(&mut self) -> Option<Operation> {
        let operation = self.operation.take()?;
        let position = self.positions.as_ref().and_then(|now| *now.borrow());
        // 1 is next
        let ahead = position.unwrap_or_default().saturating_sub(1);
        operation.number("queue.depth", ahead as u64);
        Some(operation)
    }
}

impl Drop for Waiting {
    /// Whoever waited has left the line.
    fn drop(&mut self) {
        let _ended = self.end();
    }
}
