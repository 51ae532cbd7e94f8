//! A ticket waits, a slot holds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use genesis_client::observe::Connection;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::backend::{Entry, Fence, Place, QueueBackend};
use super::observed::Waiting;
use super::{valid_name, valid_queue};
use crate::{Error, ErrorKind, Result};

/// How many may wait in a queue unless [`SlotOptions::max_waiting`] says otherwise.
///
/// ```
/// use genesis_ringgroup::queue::{DEFAULT_MAX_WAITING, SlotOptions};
///
/// let options = SlotOptions::new().max_waiting(2 * DEFAULT_MAX_WAITING);
/// # let _ = options;
/// ```
pub const DEFAULT_MAX_WAITING: usize = 10_000;

/// How an item enters a queue.
///
/// ```
/// use std::time::Duration;
/// use genesis_ringgroup::SlotOptions;
///
/// let options = SlotOptions::new()
///     .limit(4) // agents
///     .timeout(Duration::from_secs(300))
///     .max_waiting(25); // callers beyond that hear that all lines are busy
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct SlotOptions {
    limit: Option<usize>,
    timeout: Option<Duration>,
    item: Option<String>,
    max_waiting: usize,
}

impl Default for SlotOptions {
    fn default() -> Self {
        Self {
            limit: None,
            timeout: None,
            item: None,
            max_waiting: DEFAULT_MAX_WAITING,
        }
    }
}

impl SlotOptions {
    /// The limit that the queue has (1 if nobody said anything), no timeout, an item id of its own.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let first = queue.slot("recorder", SlotOptions::new()).await?;
    /// let second = queue.enter("recorder", SlotOptions::new()).await?;
    /// assert_ne!(first.item_id(), second.item_id());
    /// # Ok(()) }
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares how many may hold a place at the same time, 1 at least.
    ///
    /// The latest declaration counts for the whole queue, so that a new number takes effect when it is
    /// first used, and as long as there are items in it. [`Queue::set_limit`](super::Queue::set_limit) overrules declarations.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let both_ports = SlotOptions::new().limit(2);
    /// let fax_1 = queue.slot("fax", both_ports.clone()).await?;
    /// let fax_2 = queue.slot("fax", both_ports).await?; // does not wait
    /// # drop((fax_1, fax_2));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// How long to wait; for ever unless set.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let busy = queue.slot("fax", SlotOptions::new()).await?;
    /// let soon = SlotOptions::new().timeout(Duration::from_millis(10));
    /// assert!(queue.slot("fax", soon).await.is_err_and(|error| error.is_timeout()));
    /// # drop(busy);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The item's name, unique in its queue; a new UUID unless set. At most 256 bytes.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// // a caller is in the line once, however often the handler runs
    /// let entry = SlotOptions::new().item_id("0a96d2b2-3d5c-4d6f-9b5e-6d5a3c1f2e11");
    /// let ticket = queue.enter("support", entry.clone()).await?;
    /// assert!(queue.enter("support", entry).await.is_err());
    /// # drop(ticket);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn item_id(mut self, item: impl Into<String>) -> Self {
        self.item = Some(item.into());
        self
    }

    /// Refuses to wait if so many wait already; 10,000 unless set. With 0 the slot is had at once or
    /// not at all.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    /// # use genesis_ringgroup::ErrorKind;
    /// let queue = Queue::in_memory();
    /// let line = queue.slot("trunk", SlotOptions::new()).await?;
    /// let now_or_never = SlotOptions::new().max_waiting(0);
    /// let error = queue.slot("trunk", now_or_never).await.unwrap_err();
    /// assert_eq!(error.kind(), &ErrorKind::LimitExceeded); // take the other carrier
    /// # drop(line);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn max_waiting(mut self, items: usize) -> Self {
        self.max_waiting = items;
        self
    }

    fn entry(&self) -> Result<Entry> {
        if self.limit == Some(0) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "a limit of 0 in SlotOptions would wait for ever: give 1 or more \
                 (Queue::set_limit may set 0, to pause a queue)",
            ));
        }
        let item: Arc<str> = match &self.item {
            Some(item) => valid_name("item id", item)?.into(),
            None => Uuid::new_v4().to_string().into(),
        };
        Ok(Entry::new(item, self.limit, self.max_waiting))
    }
}

/// An entry that leaves when it is dropped.
struct Membership {
    backend: Arc<dyn QueueBackend>,
    queue: Arc<str>,
    entry: Entry,
    place: watch::Receiver<Place>,
    left: bool,
    observe: Connection,
    /// It holds a place, as telemetry was told.
    holds: bool,
}

impl Membership {
    fn tell_leaving(&self) {
        if self.holds {
            let release = [("op", "release")];
            self.observe
                .count("genesis_queue_operations_total", &release, 1);
        }
    }

    async fn leave(mut self) -> Result<()> {
        self.left = true;
        self.tell_leaving();
        let done = self.backend.leave(&self.queue, &self.entry);
        done.await.unwrap_or_else(|_| Err(ended(&self.queue)))
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if !self.left {
            self.tell_leaving();
            drop(self.backend.leave(&self.queue, &self.entry));
        }
    }
}

fn ended(queue: &str) -> Error {
    Error::new(
        ErrorKind::Backend,
        format!("queue {queue:?} has ended: its runtime shut down"),
    )
}

/// A place in the line. Dropping it leaves the line.
///
/// ```
/// use genesis_ringgroup::queue::{Queue, SlotOptions};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// let queue = Queue::in_memory();
/// let busy = queue.slot("support", SlotOptions::new()).await?;
///
/// let ticket = queue.enter("support", SlotOptions::new()).await?;
/// let mut positions = ticket.watch();
/// assert_eq!(positions.next().await, Some(1)); // "You are next."
/// busy.release().await?;
/// assert_eq!(positions.next().await, Some(0)); // its turn
/// let slot = ticket.slot().await?;
/// # drop(slot); Ok(()) }
/// ```
pub struct Ticket {
    member: Membership,
    entered: Instant,
    timeout: Option<Duration>,
    /// Until the wait is over.
    observed: Waiting,
}

impl Ticket {
    /// Enters; returns once the item is in the line.
    pub(super) async fn enter(
        backend: Arc<dyn QueueBackend>,
        queue: &str,
        options: SlotOptions,
        observe: Connection,
    ) -> Result<Self> {
        let queue: Arc<str> = valid_queue(queue)?.into();
        let entry = options.entry()?;
        let mut observed = Waiting::new(&observe, &queue, entry.item(), options.timeout);
        let entered = Instant::now();
        let place = backend.enter(&queue, entry.clone());
        observed.entered(|| backend.positions(&queue, &entry));
        let mut ticket = Self {
            member: Membership {
                backend,
                queue,
                entry,
                place,
                left: false,
                observe,
                holds: false,
            },
            entered,
            timeout: options.timeout,
            observed,
        };
        let entered = ticket
            .until(|place| !matches!(place, Place::Entering))
            .await;
        match entered {
            Ok(true) => Ok(ticket),
            Ok(false) => Err(ticket.time_is_up().await),
            Err(error) => Err(ticket.failed(error)),
        }
    }

    /// The item's name.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let ticket = queue.enter("support", SlotOptions::new().item_id("+3215550104")).await?;
    /// assert_eq!(ticket.item_id(), "+3215550104");
    /// # Ok(()) }
    /// ```
    pub fn item_id(&self) -> &str {
        self.member.entry.item()
    }

    /// The position in the line: 1 is next, 0 is its turn. `None`: not known now.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// queue.set_limit("support", 0).await?;
    /// let first = queue.enter("support", SlotOptions::new()).await?;
    /// let second = queue.enter("support", SlotOptions::new()).await?;
    /// assert_eq!(second.position().await, Some(2)); // "There is one caller before you."
    /// # drop(first);
    /// # Ok(()) }
    /// ```
    pub async fn position(&self) -> Option<usize> {
        self.watch().next().await
    }

    /// The position in the line as it changes.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// # let queue = Queue::in_memory();
    /// # queue.set_limit("support", 0).await?;
    /// let first = queue.enter("support", SlotOptions::new()).await?;
    /// let second = queue.enter("support", SlotOptions::new()).await?;
    /// let mut positions = second.watch();
    /// assert_eq!(positions.next().await, Some(2));
    /// first.leave().await?; // the one before hangs up
    /// assert_eq!(positions.next().await, Some(1));
    /// # Ok(()) }
    /// ```
    pub fn watch(&self) -> Positions {
        let member = &self.member;
        Positions {
            positions: member.backend.positions(&member.queue, &member.entry),
            told: None,
        }
    }

    /// Returns when it is its turn; [`slot`](Self::slot) does not wait then.
    ///
    /// For waiting and doing something else meanwhile, such as telling the caller the position.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// # let queue = Queue::in_memory();
    /// let mut ticket = queue.enter("support", SlotOptions::new()).await?;
    /// tokio::select! {
    ///     turn = ticket.granted() => turn?,
    ///     () = caller_hung_up() => return ticket.leave().await,
    /// }
    /// let slot = ticket.slot().await?;
    /// # drop(slot);
    /// # Ok(()) }
    /// # async fn caller_hung_up() { std::future::pending().await }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Queue::slot`](super::Queue::slot); the item is still in line after a timeout here, until
    /// the ticket is dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the item in the line.
    pub async fn granted(&mut self) -> Result<()> {
        let turn = |place: &Place| matches!(place, Place::Granted { .. });
        if self.until(turn).await? {
            return Ok(());
        }
        Err(self.timeout_error())
    }

    /// Waits for its turn.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let ticket = queue.enter("support", SlotOptions::new().item_id("+3215550105")).await?;
    /// let slot = ticket.slot().await?; // the caller and an agent talk while this lives
    /// assert_eq!(slot.item_id(), "+3215550105");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Queue::slot`](super::Queue::slot).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line.
    pub async fn slot(mut self) -> Result<Slot> {
        let turn = |place: &Place| matches!(place, Place::Granted { .. });
        match self.until(turn).await {
            Ok(true) => {}
            Ok(false) => return Err(self.time_is_up().await),
            Err(error) => return Err(self.failed(error)),
        }
        let granted = self.member.place.borrow().clone();
        let Place::Granted { ahead, fence } = granted else {
            // lost between the two looks
            let error = lost(&self.member.queue, self.member.entry.item());
            return Err(self.failed(error));
        };
        self.observed.acquired(ahead);
        self.member.holds = true;
        Ok(Slot {
            waited: self.entered.elapsed(),
            member: self.member,
            ahead,
            fence,
            lost: AtomicBool::new(false),
        })
    }

    /// Tells telemetry how the wait ended.
    fn failed(&mut self, error: Error) -> Error {
        self.observed.failed(&error);
        error
    }

    /// Leaves the line; returns when the item is out of it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let busy = queue.slot("support", SlotOptions::new()).await?;
    /// let ticket = queue.enter("support", SlotOptions::new()).await?;
    /// ticket.leave().await?; // the caller pressed 1 to be called back
    /// assert_eq!(queue.depth("support").await?, 0);
    /// # drop(busy);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Backend` when that could not be confirmed in time; it goes on in the background.
    ///
    /// # Cancel safety
    ///
    /// It goes on if the future is dropped.
    pub async fn leave(self) -> Result<()> {
        self.member.leave().await
    }

    /// Whether the place fits before the timeout.
    async fn until(&mut self, fits: impl Fn(&Place) -> bool) -> Result<bool> {
        let member = &mut self.member;
        let changed = member
            .place
            .wait_for(|place| fits(place) || matches!(place, Place::Refused(_) | Place::Lost));
        // a deadline too far for the clock is none
        let deadline = self
            .timeout
            .and_then(|after| self.entered.checked_add(after));
        let place = match deadline {
            None => changed.await,
            Some(deadline) => match tokio::time::timeout_at(deadline, changed).await {
                Ok(place) => place,
                Err(_) => return Ok(false),
            },
        };
        match place.as_deref() {
            Ok(Place::Refused(error)) => Err(error.clone()),
            Ok(Place::Lost) => Err(lost(&member.queue, member.entry.item())),
            Ok(_) => Ok(true),
            Err(_) => Err(ended(&member.queue)),
        }
    }

    fn timeout_error(&self) -> Error {
        let what = format!("a slot in queue {:?}", self.member.queue);
        Error::timeout(&what, self.timeout.unwrap_or_default())
    }

    async fn time_is_up(mut self) -> Error {
        let error = self.timeout_error();
        let error = self.failed(error);
        // out of the line before the caller hears of it; if that cannot be confirmed, it goes on
        let _ = self.member.leave().await;
        error
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("queue", &self.member.queue)
            .field("item", &self.member.entry.item())
            .field("place", &*self.member.place.borrow())
            .finish_non_exhaustive()
    }
}

/// The positions of a [`Ticket`] as they change. Positions that pass while nobody asks are skipped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// # use genesis_ringgroup::queue::{Queue, SlotOptions};
/// # let queue = Queue::in_memory();
/// # let ticket = queue.enter("support", SlotOptions::new()).await?;
/// let mut positions = ticket.watch();
/// while let Some(position) = positions.next().await {
///     println!("say en number pronounced {position}");
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Positions {
    positions: watch::Receiver<Option<usize>>,
    told: Option<usize>,
}

impl Positions {
    /// The position at first, then the next one that differs: 1 is next, 0 is its turn. `None`: there
    /// will be no other.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    /// # let queue = Queue::in_memory();
    /// let ticket = queue.enter("support", SlotOptions::new()).await?;
    /// let mut positions = ticket.watch();
    /// assert_eq!(positions.next().await, Some(0)); // its turn at once
    /// assert_eq!(positions.next().await, None);
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<usize> {
        let told = self.told;
        if told == Some(0) {
            return None;
        }
        let news = |position: &Option<usize>| position.is_some() && *position != told;
        self.told = *self.positions.wait_for(news).await.ok()?;
        self.told
    }
}

/// A place that is held. Dropping it gives the place back.
///
/// With a store that several processes share the place is a lease: see the
/// [rules](super#leases). In memory it cannot be lost.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// # use genesis_ringgroup::queue::{Queue, SlotOptions};
/// let queue = Queue::in_memory();
/// {
///     let _line = queue.slot("trunk", SlotOptions::new()).await?;
///     // … the call …
/// }
/// assert_eq!(queue.in_use("trunk").await?, 0);
/// # Ok(()) }
/// ```
pub struct Slot {
    member: Membership,
    waited: Duration,
    ahead: usize,
    fence: Fence,
    lost: AtomicBool,
}

impl Slot {
    /// The item's name.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let slot = queue.slot("dialer", SlotOptions::new().item_id("lead-4711")).await?;
    /// assert_eq!((slot.queue_id(), slot.item_id()), ("dialer", "lead-4711"));
    /// # Ok(()) }
    /// ```
    pub fn item_id(&self) -> &str {
        self.member.entry.item()
    }

    /// The queue's name.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let slot = queue.slot("fax", SlotOptions::new()).await?;
    /// assert_eq!(queue.in_use(slot.queue_id()).await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn queue_id(&self) -> &str {
        &self.member.queue
    }

    /// How long the item waited for its turn.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// # let queue = Queue::in_memory();
    /// let slot = queue.slot("support", SlotOptions::new()).await?;
    /// if slot.waited() > Duration::from_secs(20) {
    ///     println!("service level missed: {:?}", slot.waited());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// How many waited before it when it came.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let first = queue.slot("support", SlotOptions::new()).await?;
    /// let second = queue.enter("support", SlotOptions::new()).await?;
    /// let third = queue.enter("support", SlotOptions::new()).await?;
    /// drop((first, second));
    /// assert_eq!(third.slot().await?.ahead(), 1); // the second one waited as well
    /// # Ok(()) }
    /// ```
    pub fn ahead(&self) -> usize {
        self.ahead
    }

    /// Whether the place may be somebody else's by now. Once lost, it stays lost.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// # let queue = Queue::in_memory();
    /// let slot = queue.slot("dialer", SlotOptions::new()).await?;
    /// for number in ["+3215550101", "+3215550102"] {
    ///     if slot.is_lost() {
    ///         break; // another process dials by now
    ///     }
    ///     println!("originate sofia/gateway/carrier/{number}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn is_lost(&self) -> bool {
        let held = matches!(*self.member.place.borrow(), Place::Granted { .. });
        if !held || self.fence.has_passed() {
            self.lost.store(true, Ordering::Relaxed);
        }
        self.lost.load(Ordering::Relaxed)
    }

    /// Returns when the place is lost: stop what needed it. Never, if it is not.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// # let queue = Queue::in_memory();
    /// let slot = queue.slot("support", SlotOptions::new()).await?;
    /// tokio::select! {
    ///     () = conversation() => slot.release().await?,
    ///     () = slot.lost() => println!("the next caller may have this agent already"),
    /// }
    /// # Ok(()) }
    /// # async fn conversation() {}
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn lost(&self) {
        let mut place = self.member.place.clone();
        loop {
            if self.is_lost() {
                return;
            }
            tokio::select! {
                () = self.fence.passed() => {}
                changed = place.changed() => if changed.is_err() {
                    // nobody can say more; the fence still holds
                    self.fence.passed().await;
                },
            }
        }
    }

    /// Gives the place back; returns when the store has confirmed it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// # let queue = Queue::in_memory();
    /// let slot = queue.slot("trunk", SlotOptions::new()).await?;
    /// slot.release().await?; // unlike after a drop, the line is free once this returns
    /// assert_eq!(queue.items("trunk").await?, []);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Lost` when the place had been lost before, `Backend` when the store did not confirm in time;
    /// giving back goes on in the background then.
    ///
    /// # Cancel safety
    ///
    /// It goes on if the future is dropped.
    pub async fn release(self) -> Result<()> {
        let was_lost = self.is_lost();
        let error = lost(&self.member.queue, self.member.entry.item());
        let left = self.member.leave().await;
        if was_lost { Err(error) } else { left }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("queue", &self.member.queue)
            .field("item", &self.member.entry.item())
            .field("waited", &self.waited)
            .field("lost", &self.is_lost())
            .finish_non_exhaustive()
    }
}

fn lost(queue: &str, item: &str) -> Error {
    Error::new(
        ErrorKind::Lost,
        format!(
            "item {item:?} lost its place in queue {queue:?}: its lease was not renewed in time"
        ),
    )
}
