//! What a queue asks of whoever keeps its lines.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::{Error, ErrorKind, Result};

/// Keeps the lines of a [`Queue`](super::Queue): [`MemoryQueue`](super::MemoryQueue), `RedisQueue`
/// (feature `redis`), or your own.
///
/// The rules that a backend keeps:
///
/// * Items are served in the order in which they arrived at the store.
/// * Never more than the limit hold at the same time. A limit that is lowered takes nothing away; a
///   limit that is raised grants at once.
/// * An item is in a queue once. A second entry with its name and another ticket is refused.
/// * [`enter`](Self::enter) and [`leave`](Self::leave) only begin: they neither wait nor fail.
///   `leave` is called exactly once for every entry, at any moment, also while entering.
///
/// ```
/// use async_trait::async_trait;
/// use genesis_ringgroup::queue::{
///     Entry, Fence, MemoryQueue, Place, Queue, QueueBackend, QueueItem, QueueState, SlotOptions,
/// };
/// use genesis_ringgroup::Result;
/// use tokio::sync::{oneshot, watch};
///
/// /// Says who comes and goes.
/// #[derive(Debug)]
/// struct Talkative(MemoryQueue);
///
/// #[async_trait]
/// impl QueueBackend for Talkative {
///     fn enter(&self, queue: &str, entry: Entry) -> watch::Receiver<Place> {
///         println!("{} comes", entry.item());
///         self.0.enter(queue, entry)
///     }
///     fn leave(&self, queue: &str, entry: &Entry) -> oneshot::Receiver<Result<()>> {
///         println!("{} goes", entry.item());
///         self.0.leave(queue, entry)
///     }
///     fn positions(&self, queue: &str, entry: &Entry) -> watch::Receiver<Option<usize>> {
///         self.0.positions(queue, entry)
///     }
///     fn watch(&self, queue: &str) -> watch::Receiver<Option<QueueState>> {
///         self.0.watch(queue)
///     }
///     async fn state(&self, queue: &str) -> Result<QueueState> {
///         self.0.state(queue).await
///     }
///     async fn items(&self, queue: &str) -> Result<Vec<QueueItem>> {
///         self.0.items(queue).await
///     }
///     async fn set_limit(&self, queue: &str, limit: Option<usize>) -> Result<()> {
///         self.0.set_limit(queue, limit).await
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let queue = Queue::new(Talkative(MemoryQueue::new()));
/// queue.slot("support", SlotOptions::new()).await?.release().await?;
/// # Ok(()) }
/// ```
#[async_trait]
pub trait QueueBackend: fmt::Debug + Send + Sync + 'static {
    /// Puts an entry at the end of the line. What becomes of it shows in the receiver.
    fn enter(&self, queue: &str, entry: Entry) -> watch::Receiver<Place>;

    /// Takes an entry out, whether it is entering, waiting or holding, or already gone.
    ///
    /// It begins at once and goes on if the receiver is dropped; the receiver tells when it is done,
    /// or that it could not be confirmed in time.
    fn leave(&self, queue: &str, entry: &Entry) -> oneshot::Receiver<Result<()>>;

    /// The entry's position as it changes: 1 is next, 0 holds; `None` until known.
    fn positions(&self, queue: &str, entry: &Entry) -> watch::Receiver<Option<usize>>;

    /// The queue's state as it changes; `None` until known.
    fn watch(&self, queue: &str) -> watch::Receiver<Option<QueueState>>;

    /// The queue's state now.
    ///
    /// # Errors
    ///
    /// `Backend` when the store cannot be asked.
    async fn state(&self, queue: &str) -> Result<QueueState>;

    /// Everything in the queue: those who hold, then those who wait, each in their order.
    ///
    /// # Errors
    ///
    /// `Backend` when the store cannot be asked.
    async fn items(&self, queue: &str) -> Result<Vec<QueueItem>>;

    /// Sets the limit, whatever entries say; `None`: as the entries say again.
    ///
    /// # Errors
    ///
    /// `Backend` when the store cannot be asked; whether the limit was set is unknown then.
    async fn set_limit(&self, queue: &str, limit: Option<usize>) -> Result<()>;
}

/// One item on its way through a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    item: Arc<str>,
    ticket: Uuid,
    limit: Option<usize>,
    max_waiting: usize,
}

impl Entry {
    pub(crate) fn new(item: Arc<str>, limit: Option<usize>, max_waiting: usize) -> Self {
        Self {
            item,
            ticket: Uuid::new_v4(),
            limit,
            max_waiting,
        }
    }

    /// The item's name, unique in its queue.
    pub fn item(&self) -> &str {
        &self.item
    }

    /// Tells two entries of one item apart: new for each.
    pub fn ticket(&self) -> Uuid {
        self.ticket
    }

    /// The limit that this entry declares for its queue.
    ///
    /// The latest declaration counts, unless [`QueueBackend::set_limit`] said otherwise.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// The entry is refused if it could not be granted at once and so many are waiting already.
    pub fn max_waiting(&self) -> usize {
        self.max_waiting
    }

    pub(crate) fn refusal(&self, queue: &str, why: Refusal) -> Error {
        match why {
            Refusal::Duplicate => Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "item {:?} is already in queue {queue:?}: give each entry an item id of its own",
                    self.item
                ),
            ),
            Refusal::Full => Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "queue {queue:?} is full: {} may wait (SlotOptions::max_waiting)",
                    self.max_waiting
                ),
            ),
        }
    }
}

/// Why an entry did not get into the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Duplicate,
    Full,
}

/// Where an entry stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Place {
    /// On its way into the line.
    Entering,
    /// In the line.
    Waiting {
        /// How many waited before it when it came.
        ahead: usize,
    },
    /// Its turn: it holds a place.
    Granted {
        /// How many waited before it when it came.
        ahead: usize,
        /// Until when it may believe so.
        fence: Fence,
    },
    /// It did not get into the line, or was given up there.
    Refused(Error),
    /// It held a place, which may be somebody else's now.
    Lost,
}

/// Until when a holder may believe that it holds, by its own monotonic clock.
///
/// A backend whose places are leases moves the moment on with each renewal.
#[derive(Clone, Debug)]
pub struct Fence(Option<watch::Receiver<Instant>>);

impl Fence {
    /// For places that cannot be lost.
    pub fn never() -> Self {
        Self(None)
    }

    /// The place is lost at the moment in the receiver, unless that is moved on before.
    pub fn at(moment: watch::Receiver<Instant>) -> Self {
        Self(Some(moment))
    }

    pub(crate) fn has_passed(&self) -> bool {
        let moment = self.0.as_ref().map(|moment| *moment.borrow());
        moment.is_some_and(|moment| moment <= Instant::now())
    }

    /// Returns when it has passed.
    pub(crate) async fn passed(&self) {
        let Some(mut moment) = self.0.clone() else {
            return std::future::pending().await;
        };
        loop {
            let until = *moment.borrow_and_update();
            tokio::select! {
                () = sleep_until(until) => return,
                changed = moment.changed() => if changed.is_err() {
                    // nobody renews any more: what was promised still holds
                    return sleep_until(until).await;
                },
            }
        }
    }
}

/// How a queue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueState {
    /// How many wait.
    pub depth: usize,
    /// How many hold a place.
    pub in_use: usize,
    /// How many may hold at the same time.
    pub limit: usize,
}

impl QueueState {
    /// For backends.
    pub fn new(depth: usize, in_use: usize, limit: usize) -> Self {
        Self {
            depth,
            in_use,
            limit,
        }
    }
}

/// One item in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueItem {
    /// Its name.
    pub item: String,
    /// 0: it holds a place; 1: it is next; and so on.
    pub position: usize,
}

impl QueueItem {
    /// For backends.
    pub fn new(item: impl Into<String>, position: usize) -> Self {
        Self {
            item: item.into(),
            position,
        }
    }
}
