//! Operations as telemetry sees them. One place, so that every operation ends the same way.

use std::future::Future;
use std::time::{Duration, SystemTime};

use genesis_client::Client;
use genesis_client::observe::{Done, Operation};

use super::Execution;
use crate::channel::Channel;
use crate::error::{Error, Result};

impl Channel {
    /// An operation on this channel begins.
    pub(crate) fn observe(&self, span: &'static str, limit: Option<Duration>) -> Operation {
        let observed = self.client().observe().operation(span, limit);
        observed.text("channel.uuid", self.uuid());
        observed
    }

    /// Does an operation on this channel that has no span of its own: it is counted and timed.
    pub(super) async fn counted<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        counted(self.client(), operation, work).await
    }

    /// As [`counted`](Self::counted), for an application: until it is complete, if anybody waits
    /// for that.
    pub(super) async fn counted_to_its_end(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<Execution>>,
    ) -> Result<Execution> {
        let observed = self.client().observe().operation(operation, None);
        executed(observed, None, work).await
    }

    /// Says in which state the operation left the channel.
    pub(crate) fn observe_state(&self, observed: &Operation) {
        if observed.is_recording() {
            observed.text("channel.state", self.state().as_str());
        }
    }

    /// How long the call has lasted, if its beginning was seen.
    pub(crate) fn lasted(&self) -> Option<Duration> {
        let created = self.created_at()?;
        SystemTime::now().duration_since(created).ok()
    }
}

/// Runs an application; the operation goes on until the execution is complete, or nobody waits for
/// that any more. `blocks` is the attribute that tells which.
pub(super) async fn executed(
    observed: Operation,
    blocks: Option<&'static str>,
    work: impl Future<Output = Result<Execution>>,
) -> Result<Execution> {
    match observed.run(work).await {
        Ok(mut execution) => {
            execution.observed = Some(Done::new(observed, blocks));
            Ok(execution)
        }
        Err(error) => {
            if let Some(blocks) = blocks {
                observed.flag(blocks, false);
            }
            observed.failed(error.kind().as_str(), &error);
            Err(error)
        }
    }
}

/// Does an operation that has no span of its own: it is counted and timed.
pub(crate) async fn counted<T>(
    client: &Client,
    operation: &'static str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let observed = client.observe().operation(operation, None);
    let result = work.await;
    ended(observed, &result);
    result
}

/// Tells how an operation ended.
pub(crate) fn ended<T>(observed: Operation, result: &Result<T, Error>) {
    match result {
        Ok(_) => observed.succeeded(),
        Err(error) => observed.failed(error.kind().as_str(), error),
    }
}
