//! [`Execution`]: an application that runs on a channel.

use std::borrow::Cow;
use std::fmt;

use genesis_client::observe::Done;
use genesis_proto::Event;

use super::observed::ended;
use crate::channel::Channel;
use crate::error::Result;

/// An application that the switch has queued on a channel.
///
/// Executions nest: without [`event_lock`](genesis_proto::command::Execute::event_lock) one that is
/// sent while another reads media runs inside it and completes first. Each is matched by its
/// `Application-UUID`, so the order does not matter.
pub struct Execution {
    inner: genesis_client::Execution,
    channel: Channel,
    /// The operation that it is part of.
    pub(super) observed: Option<Done>,
}

impl Execution {
    pub(super) fn new(inner: genesis_client::Execution, channel: Channel) -> Self {
        Self {
            inner,
            channel,
            observed: None,
        }
    }

    /// The `Application-UUID`.
    pub fn uuid(&self) -> &str {
        self.inner.uuid()
    }

    /// Waits until the application is done.
    ///
    /// # Errors
    ///
    /// The call ended first ([`Error::is_hung_up`](crate::Error::is_hung_up), with the cause), the
    /// deadline passed ([`Options::job_timeout`](genesis_client::Options)), or the connection ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the completion up; the application runs on.
    pub async fn complete(self) -> Result<Completed> {
        let Self {
            inner,
            channel,
            observed,
        } = self;
        let completing = async {
            let event = inner.complete().await;
            let event = event.map_err(|error| channel.explain(error))?;
            Ok(Completed { event })
        };
        let Some(observed) = observed.and_then(Done::follow) else {
            return completing.await;
        };
        let completed = observed.run(completing).await;
        ended(observed, &completed);
        completed
    }
}

/// How an application ended: its CHANNEL_EXECUTE_COMPLETE.
#[derive(Clone, Debug)]
pub struct Completed {
    event: Event,
}

impl Completed {
    /// `Application-Response`, for instance `FILE PLAYED`; `None` when the application has none
    /// (`_none_`).
    pub fn response(&self) -> Option<Cow<'_, str>> {
        let response = self.event.get("Application-Response");
        response.filter(|text| text != "_none_")
    }

    /// A channel variable as the application left it.
    pub fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.event.variable(name)
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("uuid", &self.uuid())
            .field("channel", &self.channel.uuid())
            .finish_non_exhaustive()
    }
}
