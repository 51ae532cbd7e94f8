//! What a subscriber wants, and the stream it reads.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use genesis_proto::command::EventSet;
use genesis_proto::session::CloseReason;
use genesis_proto::{Event, EventName};

use crate::client::Shared;
use crate::error::Result;
use crate::filter::HeaderFilter;
use crate::queue::{Overflow, Queue, Queued};
use crate::router::SubscriberId;

/// What a subscriber wants to see.
///
/// Names and subclasses are added up; channels narrow them down to those channels; filters narrow
/// further, and all of them must match.
///
/// ```
/// use genesis_client::{HeaderFilter, Subscription};
/// use genesis_proto::EventName;
///
/// let answers = Subscription::new()
///     .event(EventName::ChannelAnswer)
///     .event(EventName::ChannelHangupComplete)
///     .filter(HeaderFilter::equal("Call-Direction", "inbound"));
/// # let _ = answers;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Subscription {
    pub(crate) names: BTreeSet<EventName>,
    pub(crate) subclasses: BTreeSet<String>,
    pub(crate) channels: Option<BTreeSet<String>>,
    pub(crate) filters: Vec<HeaderFilter>,
    pub(crate) items: Option<usize>,
    pub(crate) bytes: Option<usize>,
    pub(crate) overflow: Overflow,
}

impl Subscription {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every event of the switch.
    pub fn all() -> Self {
        Self::new().event(EventName::All)
    }

    /// Adds an event name. CUSTOM alone means those without a subclass.
    #[must_use]
    pub fn event(mut self, name: EventName) -> Self {
        self.names.insert(name);
        self
    }

    /// Adds event names.
    #[must_use]
    pub fn events(mut self, names: impl IntoIterator<Item = EventName>) -> Self {
        self.names.extend(names);
        self
    }

    /// Adds a CUSTOM subclass, for instance `sofia::register`.
    #[must_use]
    pub fn subclass(mut self, subclass: impl Into<String>) -> Self {
        self.subclasses.insert(subclass.into());
        self
    }

    /// Only events of this channel; may be called again to add another.
    #[must_use]
    pub fn channel(mut self, uuid: impl Into<String>) -> Self {
        self.channels.get_or_insert_default().insert(uuid.into());
        self
    }

    /// Only events that this filter matches. Filters are applied here, not on the switch.
    #[must_use]
    pub fn filter(mut self, filter: HeaderFilter) -> Self {
        self.filters.push(filter);
        self
    }

    /// How many items the queue holds; default [`Options::queue_items`](crate::Options).
    #[must_use]
    pub fn queue_items(mut self, items: usize) -> Self {
        self.items = Some(items);
        self
    }

    /// How many bytes of events the queue holds; default [`Options::queue_bytes`](crate::Options).
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// What happens when the queue is full; default [`Overflow::DropOldest`].
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// The words for the wire.
    ///
    /// # Errors
    ///
    /// When nothing is named, or a name is no word.
    pub(crate) fn event_set(&self) -> Result<EventSet> {
        let mut set = EventSet::new();
        for name in &self.names {
            set.add(name.clone())?;
        }
        for subclass in &self.subclasses {
            set.add_subclass(subclass)?;
        }
        if set.is_empty() {
            return Err(crate::Error::new(
                crate::ErrorKind::InvalidArgument,
                "the subscription names no event; use Subscription::all for every one",
            ));
        }
        Ok(set)
    }
}

/// What a subscriber reads.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Item {
    /// An event.
    Event(Event),
    /// This many events were dropped here, because this subscriber's queue was full.
    Lagged(u64),
    /// The connection was away and is back; what happened meanwhile is not in the stream. See
    /// [`Client::resync`](crate::Client::resync).
    Gap(Gap),
}

impl Item {
    /// The event, if it is one.
    pub fn into_event(self) -> Option<Event> {
        match self {
            Self::Event(event) => Some(event),
            _ => None,
        }
    }
}

/// How long a connection was away.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// From the end of the old connection until events flowed again. Several losses with nothing
    /// between them are told as one, their times added up.
    pub duration: Duration,
    /// Why the old connection ended; of several, the last.
    pub reason: CloseReason,
    /// How many attempts it took.
    pub attempts: u32,
}

impl Queued for Item {
    fn weight(&self) -> Option<usize> {
        match self {
            // the event itself, its index and its place in the queue
            Self::Event(event) => Some(event.raw().len() + 256),
            Self::Lagged(_) | Self::Gap(_) => None,
        }
    }

    fn lagged(count: u64) -> Self {
        Self::Lagged(count)
    }

    /// Gaps with nothing between them are one: a reader that is away for a day of reconnects must
    /// not collect them.
    fn merge(&mut self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Gap(gap), Self::Gap(next)) => {
                gap.duration += next.duration;
                gap.attempts = gap.attempts.saturating_add(next.attempts);
                gap.reason = next.reason;
                None
            }
            (_, next) => Some(next),
        }
    }
}

/// A stream of the events that a [`Subscription`] asked for.
///
/// The stream ends (`None`) when the connection ends for good; why, says
/// [`close_reason`](Self::close_reason). Dropping it takes the subscription back.
#[must_use = "dropping the stream takes the subscription back"]
pub struct EventStream {
    pub(crate) queue: Arc<Queue<Item>>,
    pub(crate) id: SubscriberId,
    pub(crate) shared: Arc<Shared>,
}

impl EventStream {
    /// The next item; `None` when the connection has ended for good and all items are taken.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is taken unless the future completes.
    pub async fn next(&mut self) -> Option<Item> {
        std::future::poll_fn(|cx| self.queue.poll_pop(cx)).await
    }

    /// The next event; holes ([`Item::Lagged`], [`Item::Gap`]) are skipped, so only for code that
    /// does not care about them.
    ///
    /// # Cancel safety
    ///
    /// Safe: at worst a notice of a hole was taken.
    pub async fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Item::Event(event) = self.next().await? {
                return Some(event);
            }
        }
    }

    /// The next item if one is there already.
    pub fn try_next(&mut self) -> Option<Item> {
        self.queue.try_pop()
    }

    /// How many items wait.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Why the connection ended, once it has.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.shared.close_reason()
    }
}

impl Stream for EventStream {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.queue.poll_pop(cx)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.queue.close();
        self.shared.unsubscribe(self.id);
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}
