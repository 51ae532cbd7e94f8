//! A consumer at work: its counters, its end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use genesis_proto::session::CloseReason;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::dispatch::{Dispatcher, Stop};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::router::SubscriberId;
use crate::subscription::EventStream;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub(super) $name: AtomicU64,)* }

        /// What a [`Consumer`](super::Consumer) has done so far.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct ConsumerStats { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            pub(super) fn snapshot(&self) -> ConsumerStats {
                ConsumerStats { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Events read.
    events,
    /// Events read that no handler matched.
    unmatched,
    /// Handlers that did their work, counted per event.
    succeeded,
    /// Handlers that gave an error.
    failed,
    /// Handlers that panicked.
    panicked,
    /// Handlers that were cancelled at the timeout.
    timed_out,
    /// Events dropped because a lane or all lanes together were full.
    dropped,
    /// Events dropped before the consumer could read them.
    lagged,
    /// How many times the connection was away.
    gaps,
    /// Events that the end left without having been handled by all their handlers.
    abandoned,
    /// Lanes with something to do, now.
    lanes,
    /// Events that wait, now.
    queued,
    /// Bytes of events that wait, now.
    queued_bytes,
    /// Handlers that run, now.
    at_work,
}

pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

/// A [`Consumer`](super::Consumer) at work.
///
/// Dropping it stops it at once: running handlers are cancelled. [`stop`](Self::stop) lets them
/// finish.
///
/// ```no_run
/// # use genesis_client::{Client, Consumer};
/// # use genesis_client::proto::EventName;
/// # async fn example(client: Client) -> genesis_client::Result<()> {
/// let running = Consumer::new(client)
///     .on(EventName::Heartbeat, |_| async { Ok(()) })
///     .start()
///     .await?;
/// println!("{} events", running.stats().events);
/// let stats = running.stop().await;
/// assert_eq!(stats.abandoned, 0, "everything was handled");
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it stops the consumer"]
pub struct RunningConsumer {
    client: Client,
    counters: Arc<Counters>,
    subscriber: SubscriberId,
    stop: Option<oneshot::Sender<Stop>>,
    /// Another has taken its place, or will with the next event that is read.
    handed_over: AtomicBool,
    ended: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl RunningConsumer {
    pub(super) fn spawn(client: Client, stream: EventStream, dispatcher: Dispatcher) -> Self {
        let (counters, subscriber) = (dispatcher.counters(), stream.id);
        let (stop, stopped) = oneshot::channel();
        let (done, ended) = watch::channel(false);
        let task = tokio::spawn(async move {
            dispatcher.run(stream, stopped).await;
            done.send_replace(true);
        });
        Self {
            client,
            counters,
            subscriber,
            stop: Some(stop),
            handed_over: AtomicBool::new(false),
            ended,
            task,
        }
    }

    /// It belongs to this client's connection.
    pub(super) fn is_of(&self, client: &Client) -> bool {
        Arc::ptr_eq(&self.client.shared, &client.shared)
    }

    /// What it gets, the other gets from the next event on. Once only: each event is one's.
    pub(super) fn hand_over(&self, to: &EventStream) -> Result<()> {
        if self.handed_over.swap(true, Ordering::Relaxed) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "another consumer has already taken over from this one; take over from that one",
            ));
        }
        to.shared.hand_over(self.subscriber, to.id)
    }

    /// Counters.
    pub fn stats(&self) -> ConsumerStats {
        self.counters.snapshot()
    }

    /// Takes the subscription back, handles what has come so far, within
    /// [`Consumer::drain_timeout`](super::Consumer::drain_timeout), and gives the last counters.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the consumer at once.
    pub async fn stop(mut self) -> ConsumerStats {
        if let Some(stop) = self.stop.take() {
            // the end is a child of what is current here; its task being gone means that it has
            // stopped already
            if !stop.is_closed() {
                let _ = stop.send(Stop {
                    observed: self.client.observe().operation("consumer.stop", None),
                    handed_over: self.handed_over.load(Ordering::Relaxed),
                });
            }
        }
        self.ended().await;
        self.stats()
    }

    /// Waits until the connection has ended for good and what had come is handled (within
    /// [`Consumer::drain_timeout`](super::Consumer::drain_timeout)), and says why it ended.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn wait(&self) -> CloseReason {
        self.ended().await;
        self.client.closed().await
    }

    async fn ended(&self) {
        // an error means that the task is gone, which is an end too
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }
}

impl Drop for RunningConsumer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for RunningConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningConsumer")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
