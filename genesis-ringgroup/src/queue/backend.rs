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
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{MemoryQueue, QueueBackend, QueueState};
    /// let lines = MemoryQueue::new();
    /// let states = lines.watch("support");
    /// lines.set_limit("support", Some(3)).await?;
    /// assert_eq!(*states.borrow(), Some(QueueState::new(0, 0, 3)));
    /// # Ok(()) }
    /// ```
    fn watch(&self, queue: &str) -> watch::Receiver<Option<QueueState>>;

    /// The queue's state now.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{MemoryQueue, QueueBackend, QueueState};
    /// let lines = MemoryQueue::new();
    /// assert_eq!(lines.state("support").await?, QueueState::new(0, 0, 1));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Backend` when the store cannot be asked.
    async fn state(&self, queue: &str) -> Result<QueueState>;

    /// Everything in the queue: those who hold, then those who wait, each in their order.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{MemoryQueue, Queue, QueueBackend, QueueItem, SlotOptions};
    /// let lines = MemoryQueue::new();
    /// let queue = Queue::new(lines.clone());
    /// let _slot = queue.slot("fax", SlotOptions::new().item_id("page-1")).await?;
    /// assert_eq!(lines.items("fax").await?, [QueueItem::new("page-1", 0)]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Backend` when the store cannot be asked.
    async fn items(&self, queue: &str) -> Result<Vec<QueueItem>>;

    /// Sets the limit, whatever entries say; `None`: as the entries say again.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{MemoryQueue, QueueBackend, QueueState};
    /// let lines = MemoryQueue::new();
    /// lines.set_limit("night", Some(0)).await?; // closed
    /// lines.set_limit("night", None).await?; // as the callers' options say
    /// # assert_eq!(lines.state("night").await?.limit, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Backend` when the store cannot be asked; whether the limit was set is unknown then.
    async fn set_limit(&self, queue: &str, limit: Option<usize>) -> Result<()>;
}

/// One item on its way through a queue.
///
/// ```
/// use genesis_ringgroup::queue::Entry;
///
/// /// What a backend in a database writes.
/// fn row(queue: &str, entry: &Entry) -> String {
///     let (limit, most) = (entry.limit(), entry.max_waiting());
///     format!("{queue},{},{},{limit:?},{most}", entry.ticket(), entry.item())
/// }
/// # let _ = row;
/// ```
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
    ///
    /// ```
    /// # use genesis_ringgroup::queue::Entry;
    /// fn is_outside_call(entry: &Entry) -> bool {
    ///     entry.item().starts_with('+')
    /// }
    /// # let _ = is_outside_call;
    /// ```
    pub fn item(&self) -> &str {
        &self.item
    }

    /// Tells two entries of one item apart: new for each.
    ///
    /// ```
    /// # use genesis_ringgroup::queue::Entry;
    /// // a caller who left and came back is the same item with another ticket
    /// fn came_back(before: &Entry, now: &Entry) -> bool {
    ///     before.item() == now.item() && before.ticket() != now.ticket()
    /// }
    /// # let _ = came_back;
    /// ```
    pub fn ticket(&self) -> Uuid {
        self.ticket
    }

    /// The limit that this entry declares for its queue.
    ///
    /// The latest declaration counts, unless [`QueueBackend::set_limit`] said otherwise.
    ///
    /// ```
    /// # use genesis_ringgroup::queue::Entry;
    /// fn limit_now(entry: &Entry, set: Option<usize>, before: usize) -> usize {
    ///     set.or(entry.limit()).unwrap_or(before)
    /// }
    /// # let _ = limit_now;
    /// ```
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// The entry is refused if it could not be granted at once and so many are waiting already.
    ///
    /// ```
    /// # use genesis_ringgroup::queue::{Entry, QueueState};
    /// fn is_full(entry: &Entry, state: &QueueState) -> bool {
    ///     state.in_use >= state.limit && state.depth >= entry.max_waiting()
    /// }
    /// # let _ = is_full;
    /// ```
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
///
/// ```
/// use genesis_ringgroup::queue::{Fence, Place};
/// use tokio::sync::watch;
///
/// let (place, shown) = watch::channel(Place::Entering);
/// place.send_replace(Place::Waiting { ahead: 2 });
/// place.send_replace(Place::Granted { ahead: 2, fence: Fence::never() });
/// assert!(matches!(*shown.borrow(), Place::Granted { ahead: 2, .. }));
/// ```
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
///
/// ```
/// use genesis_ringgroup::queue::Fence;
/// use std::time::Duration;
/// use tokio::{sync::watch, time::Instant};
///
/// let two_thirds = Duration::from_secs(10) * 2 / 3; // of a lease of ten seconds
/// let (renewed, until) = watch::channel(Instant::now() + two_thirds);
/// let fence = Fence::at(until);
/// renewed.send_replace(Instant::now() + two_thirds); // after each renewal
/// # let _ = fence;
/// ```
#[derive(Clone, Debug)]
pub struct Fence(Option<watch::Receiver<Instant>>);

impl Fence {
    /// For places that cannot be lost.
    ///
    /// ```
    /// # use genesis_ringgroup::queue::{Fence, Place};
    /// let granted = Place::Granted { ahead: 0, fence: Fence::never() }; // this process keeps the line itself
    /// # let _ = granted;
    /// ```
    pub fn never() -> Self {
        Self(None)
    }

    /// The place is lost at the moment in the receiver, unless that is moved on before.
    ///
    /// ```
    /// # use genesis_ringgroup::queue::{Fence, Place};
    /// # use tokio::{sync::watch, time::{Duration, Instant}};
    /// let (_renewed, until) = watch::channel(Instant::now() + Duration::from_secs(4));
    /// let granted = Place::Granted { ahead: 0, fence: Fence::at(until) };
    /// # let _ = granted;
    /// ```
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
///
/// ```
/// use genesis_ringgroup::queue::QueueState;
///
/// /// Callers per agent, for a wallboard.
/// fn pressure(state: QueueState) -> f64 {
///     (state.depth + state.in_use) as f64 / state.limit.max(1) as f64
/// }
/// assert_eq!(pressure(QueueState::new(6, 4, 4)), 2.5);
/// ```
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
    ///
    /// ```
    /// # use genesis_ringgroup::queue::QueueState;
    /// let nobody_yet = QueueState::new(0, 0, 1);
    /// assert_eq!(nobody_yet.limit, 1);
    /// ```
    pub fn new(depth: usize, in_use: usize, limit: usize) -> Self {
        Self {
            depth,
            in_use,
            limit,
        }
    }
}

/// One item in a queue.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// # use genesis_ringgroup::queue::{Queue, SlotOptions};
/// # let queue = Queue::in_memory();
/// # let _slot = queue.slot("support", SlotOptions::new()).await?;
/// for caller in queue.items("support").await? {
///     match caller.position {
///         0 => println!("{} talks to an agent", caller.item),
///         position => println!("{} is number {position}", caller.item),
///     }
/// }
/// # Ok(()) }
/// ```
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
    ///
    /// ```
    /// # use genesis_ringgroup::queue::QueueItem;
    /// let next = QueueItem::new("+3215550106", 1);
    /// assert_eq!((next.item.as_str(), next.position), ("+3215550106", 1));
    /// ```
    pub fn new(item: impl Into<String>, position: usize) -> Self {
        Self {
            item: item.into(),
            position,
        }
    }
}
