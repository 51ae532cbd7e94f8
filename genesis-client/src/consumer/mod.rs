//! [`Consumer`]: handlers for events, in order per channel, in parallel across channels.
//!
//! One task reads the stream and keeps the lanes (`lanes`); it never runs a handler itself. Each
//! handler's run is a task of its own, so that its panic, its error and its slowness stay its own.

mod dispatch;
mod handlers;
mod hook;
mod lanes;
mod running;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use genesis_proto::{Event, EventName};

use crate::client::{Client, observe_end};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::HeaderFilter;
use crate::router::Sink;
use dispatch::Dispatcher;
use handlers::{Handler, Index, Selector};
use hook::Hook;

pub use handlers::HandlerResult;
pub use hook::{FailureCause, HandlerFailure, Missed};
pub use lanes::Lane;
pub use running::{ConsumerStats, RunningConsumer};

/// Hands events to handlers.
///
/// * Events of one channel (one Unique-ID) are handled in the order in which they came, one at a
///   time; events of different channels in parallel. Events without a Unique-ID share a lane per
///   event name, CUSTOM ones per subclass. (The switch itself can send two events of one channel in
///   another order than it made them; see
///   [`ChannelSnapshot`](crate::ChannelSnapshot) for code that must not care.)
/// * All handlers that match an event run one after another, in the order of registration, before
///   the next event of the lane has its turn.
/// * A handler that fails, panics or takes too long is counted, logged and reported to
///   [`on_error`](Self::on_error). Everything else goes on: the other handlers of the same event,
///   the lane, and the other lanes.
/// * Reading never waits for handlers. What does not fit into the bounds is dropped, counted and
///   reported to [`on_gap`](Self::on_gap).
///
/// A handler that never yields (a busy loop, a blocking call) keeps its thread and cannot be
/// cancelled: use `tokio::task::spawn_blocking` in it.
///
/// ```no_run
/// use genesis_client::{Consumer, HeaderFilter, Inbound, Missed};
/// use genesis_client::proto::{Event, EventName};
///
/// # async fn example() -> genesis_client::Result<()> {
/// let client = Inbound::builder().password("ClueCon").connect("127.0.0.1:8021").await?;
/// let consumer = Consumer::new(client.clone())
///     .on(EventName::ChannelAnswer, |event: Event| async move {
///         let uuid = event.unique_id().ok_or("an answer without a channel")?;
///         println!("{uuid} answered");
///         Ok(())
///     })
///     .on_filtered(
///         EventName::ChannelHangupComplete,
///         [HeaderFilter::equal("Call-Direction", "inbound")],
///         |event: Event| async move {
///             println!("hung up: {:?}", event.hangup_cause());
///             Ok(())
///         },
///     )
///     .on_subclass("sofia::register", |_| async { Ok(()) })
///     .on_gap(|missed: Missed| async move { eprintln!("{missed:?}") });
/// let running = consumer.start().await?;
/// println!("the connection ended: {}", running.wait().await);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is handled before start"]
pub struct Consumer {
    client: Client,
    handlers: Vec<Handler>,
    missed: Hook<Missed>,
    failures: Hook<HandlerFailure>,
    limits: Limits,
}

/// The bounds of a consumer.
#[derive(Clone, Copy, Debug)]
struct Limits {
    lanes: usize,
    lane_queue: usize,
    queue_bytes: usize,
    at_work: usize,
    handler_timeout: Duration,
    drain_timeout: Duration,
}

impl Consumer {
    /// A consumer of this connection's events, without handlers yet.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            handlers: Vec::new(),
            missed: Hook::default(),
            failures: Hook::default(),
            limits: Limits {
                lanes: 1024,
                lane_queue: 1000,
                queue_bytes: 64 << 20,
                at_work: 256,
                handler_timeout: Duration::from_secs(30),
                drain_timeout: Duration::from_secs(30),
            },
        }
    }

    /// Handles events of this name. CUSTOM means those without a subclass, ALL is
    /// [`on_all`](Self::on_all).
    pub fn on<F, Fut>(self, name: EventName, handler: F) -> Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = HandlerResult> + Send + 'static,
    {
        self.on_filtered(name, [], handler)
    }

    /// Handles events of this name that all `filters` match.
    pub fn on_filtered<F, Fut>(
        self,
        name: EventName,
        filters: impl IntoIterator<Item = HeaderFilter>,
        handler: F,
    ) -> Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = HandlerResult> + Send + 'static,
    {
        let selector = match name {
            EventName::All => Selector::All,
            name => Selector::Name(name),
        };
        self.add(selector, filters, handler)
    }

    /// Handles CUSTOM events of this subclass, for instance `sofia::register`.
    pub fn on_subclass<F, Fut>(self, subclass: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = HandlerResult> + Send + 'static,
    {
        self.on_subclass_filtered(subclass, [], handler)
    }

    /// Handles CUSTOM events of this subclass that all `filters` match.
    pub fn on_subclass_filtered<F, Fut>(
        self,
        subclass: impl Into<String>,
        filters: impl IntoIterator<Item = HeaderFilter>,
        handler: F,
    ) -> Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = HandlerResult> + Send + 'static,
    {
        self.add(Selector::Subclass(subclass.into()), filters, handler)
    }

    /// Handles every event.
    pub fn on_all<F, Fut>(self, handler: F) -> Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = HandlerResult> + Send + 'static,
    {
        self.on_all_filtered([], handler)
    }

    /// Handles every event that all `filters` match. The switch still sends all of them.
    pub fn on_all_filtered<F, Fut>(
        self,
        filters: impl IntoIterator<Item = HeaderFilter>,
        handler: F,
    ) -> Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = HandlerResult> + Send + 'static,
    {
        self.add(Selector::All, filters, handler)
    }

    fn add<F, Fut>(
        mut self,
        selector: Selector,
        filters: impl IntoIterator<Item = HeaderFilter>,
        handler: F,
    ) -> Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = HandlerResult> + Send + 'static,
    {
        self.handlers.push(Handler {
            selector,
            filters: filters.into_iter().collect(),
            call: Arc::new(move |event| Box::pin(handler(event))),
        });
        self
    }

    /// Is told what was missed: the connection was away, or events were dropped at a bound.
    ///
    /// One call at a time, also while every handler is stuck, and cancelled after
    /// [`handler_timeout`](Self::handler_timeout). What happens meanwhile is summed up per lane.
    pub fn on_gap<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Missed) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.missed.set(hook);
        self
    }

    /// Is told of every handler that failed, panicked or took too long.
    ///
    /// One call at a time, cancelled after [`handler_timeout`](Self::handler_timeout). At most 256
    /// failures wait for it; those beyond are counted and logged only.
    ///
    /// ```no_run
    /// # use genesis_client::{Client, Consumer};
    /// # fn example(client: Client) {
    /// let consumer = Consumer::new(client).on_error(|failure| async move {
    ///     eprintln!("{} at {:?}", failure.cause, failure.event);
    /// });
    /// # let _ = consumer;
    /// # }
    /// ```
    pub fn on_error<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(HandlerFailure) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.failures.set(hook);
        self
    }

    /// How many lanes may have something to do; at least 1, default 1,024. An idle lane costs
    /// nothing. At the bound new channels share up to `lanes / 16` further lanes (at least one),
    /// chosen by hash: the order of each channel is kept, but one waits for the other.
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.limits.lanes = lanes;
        self
    }

    /// How many events may wait in one lane; at least 1, default 1,000. At the bound the lane's
    /// oldest event is dropped.
    pub fn lane_queue(mut self, events: usize) -> Self {
        self.limits.lane_queue = events;
        self
    }

    /// How many bytes of events may wait in all lanes together; default 64 MiB. At the bound the
    /// oldest events of the lane with the most bytes are dropped. One event always fits.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.limits.queue_bytes = bytes;
        self
    }

    /// How many handlers may run at once; at least 1, default 256. At the bound events wait in
    /// their lanes, and lanes take turns.
    pub fn handlers_at_work(mut self, handlers: usize) -> Self {
        self.limits.at_work = handlers;
        self
    }

    /// How long one handler may take for one event; default 30 s. Then it is cancelled: its future
    /// is dropped at the await where it stands.
    pub fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.limits.handler_timeout = timeout;
        self
    }

    /// How long the end may take, after [`RunningConsumer::stop`] or the connection's end: what is
    /// queued is handled within this time, the rest is abandoned and counted. Default 30 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.limits.drain_timeout = timeout;
        self
    }

    /// Subscribes to what the handlers want, and starts. When this returns, the switch has agreed
    /// to send the events.
    ///
    /// The running consumer keeps the connection alive.
    ///
    /// # Errors
    ///
    /// As [`Client::subscribe`]: no handler was registered, a name is no word, the user may not
    /// have an event, or the connection ended.
    ///
    /// # Cancel safety
    ///
    /// Safe: the subscription is taken back and nothing runs.
    pub async fn start(self) -> Result<RunningConsumer> {
        self.start_instead(None).await
    }

    /// As [`start`](Self::start), in the place of another consumer of the same connection: there is one
    /// point between two events up to which all are `before`'s, and after which all are the new one's, so
    /// that none is lost and none is handled twice. The point is the next event that the connection
    /// reads. `before` handles what came until then, as far as its bounds allow, and then ends, as after
    /// [`RunningConsumer::stop`], which waits for that; dropping it instead throws away what it has. An
    /// event of a channel can have its turn here while `before` still handles an earlier one of it.
    ///
    /// ```no_run
    /// # use genesis_client::{Client, Consumer, RunningConsumer};
    /// # use genesis_client::proto::EventName;
    /// # async fn example(client: Client, before: RunningConsumer) -> genesis_client::Result<()> {
    /// let next = Consumer::new(client).on(EventName::ChannelAnswer, |_| async { Ok(()) });
    /// let running = next.take_over(&before).await?;
    /// before.stop().await;
    /// println!("{}", running.wait().await);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and when `before` belongs to another connection or another consumer has
    /// taken over from it already. What was at work goes on then. While both are subscribed they count
    /// as two of [`Options::subscribers`](crate::Options::subscribers).
    ///
    /// # Cancel safety
    ///
    /// Safe: `before` goes on.
    pub async fn take_over(self, before: &RunningConsumer) -> Result<RunningConsumer> {
        self.start_instead(Some(before)).await
    }

    async fn start_instead(self, before: Option<&RunningConsumer>) -> Result<RunningConsumer> {
        let subscription = handlers::subscription(&self.handlers);
        let client = self.client.clone();
        if before.is_some_and(|before| !before.is_of(&client)) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "the consumer to take over from belongs to another connection",
            ));
        }
        let observed = client.observe().operation("consumer.start", None);
        let subscribing = client.subscribe_as(Sink::Consumer, subscription, before.is_none());
        let subscribed = observed.run(subscribing).await;
        observe_end(observed, &subscribed);
        let stream = subscribed?;
        let index = Index::new(self.handlers);
        let observe = self.client.observe().clone();
        let dispatcher = Dispatcher::new(index, self.missed, self.failures, self.limits, observe);
        // nothing is awaited from here on: it happens or it does not
        if let Some(before) = before {
            before.hand_over(&stream)?;
        }
        Ok(RunningConsumer::spawn(self.client, stream, dispatcher))
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("handlers", &self.handlers)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
