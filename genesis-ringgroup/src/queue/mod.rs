//! Lines of items that are served in order, so many at a time.
//!
//! A queue has an id; items enter at its end, and as many as its limit hold a [`Slot`] at the same time.
//! What the items are is up to you: callers on hold, dial attempts, use of a trunk.
//!
//! ```
//! use std::time::Duration;
//! use genesis_ringgroup::queue::{Queue, SlotOptions};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
//! let queue = Queue::in_memory();
//! let options = SlotOptions::new().limit(2).timeout(Duration::from_secs(60));
//! let slot = queue.slot("support", options).await?; // waits its turn
//! // … at most two at a time come here …
//! slot.release().await?; // or drop it
//! # Ok(()) }
//! ```
//!
//! The lines are kept by a [`QueueBackend`]: in memory for one process, in Redis (feature `redis`) for
//! several.
//!
//! # Leases
//!
//! In memory a place is held until it is given back. In Redis it is a lease:
//!
//! * Time is that of Redis: each script asks it (`TIME`), so processes need not agree on the time. A clock of
//!   Redis that is set forward ends leases early.
//! * A process renews what it has in a queue, held or waiting, with one script call at a third of the
//!   lease, however many items these are. A process that is not heard of for one lease loses all of it,
//!   and others are served at that moment. A dead waiter at the head of the line therefore holds it up
//!   for one lease at most.
//! * A holder fences itself: at two thirds of the lease, by its own monotonic clock and counted from when
//!   the last successful renewal was *sent*, its slot is lost ([`Slot::lost`], [`Slot::is_lost`]), whatever
//!   Redis would say. So the limit holds even if a process stalls, as long as holders stop when told. (A
//!   clock that stands still while the machine is suspended cannot tell.) Waiting is not fenced.
//! * When Redis restarts, or another server takes over, data may have been lost. The scripts see it by the
//!   server's `run_id` and age. For one lease nothing new is granted, and holders and waiters claim their
//!   places again, in their old order; the order is that of arrival at Redis, numbered by its time. A server
//!   that is younger than one lease counts as restarted, so the first grant on a new server may take one lease
//!   and two seconds.
//! * A key of a queue that is deleted or evicted is missed by the next step, before it grants anything: the
//!   queue knows how much was in each. It is then treated in the same way. Only when all keys of a queue that is
//!   in use go at once (`FLUSHALL`) is this not found before the next renewal; until then the limit may be
//!   exceeded, and limits that were set are gone. So Redis must not evict: `maxmemory-policy noeviction`.
//! * While nothing happens, nothing is asked: publishing wakes those concerned, and one timer is set for the
//!   next lease that may end. A process without items in any queue sends nothing. A watched queue
//!   ([`Queue::watch`]) in which others hold places is looked at once per lease.
//! * A waiting item keeps waiting while Redis is away, up to `RedisOptions::outage`; then it gets an error.
//! * The keys of a queue share a hash tag and expire one day after the queue was last used, a limit that was
//!   set ([`Queue::set_limit`]) included.

mod backend;
mod memory;
mod observed;
mod semaphore;
#[cfg(feature = "redis")]
mod shared;
mod slot;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use genesis_client::observe::{Connection, Telemetry};
use tokio::sync::watch;

pub use backend::{Entry, Fence, Place, QueueBackend, QueueItem, QueueState};
pub use memory::MemoryQueue;
pub use semaphore::Semaphore;
#[cfg(feature = "redis")]
pub use shared::RedisQueue;
pub use slot::{DEFAULT_MAX_WAITING, Positions, Slot, SlotOptions, Ticket};

use crate::{Error, ErrorKind, Result};

/// The longest id of a queue or an item, in bytes.
const LONGEST_NAME: usize = 256;

/// Queues by id. Cheap to clone.
///
/// See the [module](self) for an example.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// use genesis_ringgroup::queue::{Queue, SlotOptions};
///
/// let queue = Queue::in_memory();
/// let line_1 = queue.slot("trunk", SlotOptions::new().limit(2)).await?;
/// let line_2 = queue.clone().slot("trunk", SlotOptions::new().limit(2)).await?;
/// assert_eq!(queue.in_use("trunk").await?, 2); // the next one waits for a line
/// # drop((line_1, line_2));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Queue {
    backend: Arc<dyn QueueBackend>,
    telemetry: Telemetry,
}

impl Queue {
    /// Queues kept by any backend.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// use genesis_ringgroup::queue::{MemoryQueue, Queue};
    ///
    /// let lines = MemoryQueue::new();
    /// let callers = Queue::new(lines.clone());
    /// let wallboard = Queue::new(lines); // sees the same lines
    /// # let _slot = callers.slot("support", Default::default()).await?;
    /// # assert_eq!(wallboard.in_use("support").await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn new(backend: impl QueueBackend) -> Self {
        Self {
            backend: Arc::new(backend),
            telemetry: Telemetry::default(),
        }
    }

    /// How the queues are observed, instead of the way that the environment says. It has an effect
    /// with the feature `otel` only.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// use genesis_ringgroup::channel::client::observe::Telemetry;
    /// use genesis_ringgroup::queue::Queue;
    ///
    /// let telemetry = Telemetry::default(); // the one that the connections to the switch were given
    /// let queue = Queue::in_memory().telemetry(telemetry.clone());
    /// # let _ = queue;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// Queues of this process. Clones share them.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::Queue;
    /// let queue = Queue::in_memory();
    /// assert_eq!(queue.limit("support").await?, 1); // one at a time, unless told otherwise
    /// # Ok(()) }
    /// ```
    pub fn in_memory() -> Self {
        Self::new(MemoryQueue::new())
    }

    /// Queues in Redis, shared by every process that uses the same prefix. See the [rules](self#leases).
    ///
    /// ```no_run
    /// use genesis_ringgroup::RedisOptions;
    /// use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// # async fn serve() -> genesis_ringgroup::Result<()> {
    /// let queue = Queue::redis(RedisOptions::new("redis://127.0.0.1/")).await?;
    /// let slot = queue.slot("support", SlotOptions::new()).await?;
    /// tokio::select! {
    ///     () = slot.lost() => println!("the place was given away: stop"),
    ///     () = work() => slot.release().await?,
    /// }
    /// # Ok(()) }
    /// # async fn work() {}
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for options that cannot work, `Backend` when Redis is not there or refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the connection.
    #[cfg(feature = "redis")]
    pub async fn redis(options: crate::RedisOptions) -> Result<Self> {
        Ok(Self::new(RedisQueue::connect(options).await?))
    }

    /// Waits for a slot and holds it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// # let _agent_is_busy = queue.slot("support", SlotOptions::new()).await?;
    /// let patience = SlotOptions::new().timeout(Duration::from_millis(20));
    /// match queue.slot("support", patience).await {
    ///     Ok(slot) => println!("an agent after {:?}", slot.waited()),
    ///     Err(error) if error.is_timeout() => println!("to the voicemail"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// * `Timeout`: its turn did not come within [`SlotOptions::timeout`]; the item has left the line.
    /// * `LimitExceeded`: as many as [`SlotOptions::max_waiting`] wait already.
    /// * `InvalidArgument`: an id is empty or too long, the item is in the queue already, the limit is 0.
    /// * `Backend`: the store cannot be reached; the item leaves the line as soon as it can be.
    /// * `Lost`: the lease of the place ran out before the caller got it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line, or gives the place back, in the background.
    pub async fn slot(&self, id: &str, options: SlotOptions) -> Result<Slot> {
        self.enter(id, options).await?.slot().await
    }

    /// Enters the line; the ticket tells the position and waits for the slot.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// # let _agent_is_busy = queue.slot("support", SlotOptions::new()).await?;
    /// let ticket = queue.enter("support", SlotOptions::new().item_id("+3215550101")).await?;
    /// println!("{} is number {:?} in the line", ticket.item_id(), ticket.position().await);
    /// # assert_eq!(ticket.position().await, Some(1));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`slot`](Self::slot). The timeout counts from here.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the line.
    pub async fn enter(&self, id: &str, options: SlotOptions) -> Result<Ticket> {
        let observe = Connection::none(&self.telemetry);
        Ticket::enter(Arc::clone(&self.backend), id, options, observe).await
    }

    /// A reusable limit: at most `n` hold it at the same time.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::Queue;
    /// // the carrier sells eight lines
    /// let trunk = Queue::in_memory().semaphore("carrier", 8);
    /// let line = trunk.acquire().await?;
    /// # drop(line);
    /// # Ok(()) }
    /// ```
    pub fn semaphore(&self, id: &str, n: usize) -> Semaphore {
        Semaphore::new(self.clone(), id, n)
    }

    /// How many wait.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// # let _agent_is_busy = queue.slot("support", SlotOptions::new()).await?;
    /// let caller = queue.enter("support", SlotOptions::new()).await?;
    /// assert_eq!(queue.depth("support").await?, 1);
    /// # drop(caller);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Backend` when the store cannot be asked.
    pub async fn depth(&self, id: &str) -> Result<usize> {
        Ok(self.state(id).await?.depth)
    }

    /// How many hold a slot.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let conversation = queue.slot("support", SlotOptions::new()).await?;
    /// conversation.release().await?;
    /// assert_eq!(queue.in_use("support").await?, 0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Backend` when the store cannot be asked.
    pub async fn in_use(&self, id: &str) -> Result<usize> {
        Ok(self.state(id).await?.in_use)
    }

    /// How many may hold a slot at the same time: 1 if nobody said anything.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let first = queue.slot("support", SlotOptions::new().limit(4)).await?; // four agents
    /// assert_eq!(queue.limit("support").await?, 4);
    /// # drop(first);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Backend` when the store cannot be asked.
    pub async fn limit(&self, id: &str) -> Result<usize> {
        Ok(self.state(id).await?.limit)
    }

    /// Depth, use and limit at one moment.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let slot = queue.slot("sales", SlotOptions::new().limit(3)).await?;
    /// let state = queue.state("sales").await?;
    /// println!("{} wait, {} of {} agents talk", state.depth, state.in_use, state.limit);
    /// # assert_eq!((state.depth, state.in_use, state.limit), (0, 1, 3));
    /// # drop(slot);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Backend` when the store cannot be asked.
    pub async fn state(&self, id: &str) -> Result<QueueState> {
        self.backend.state(valid_queue(id)?).await
    }

    /// Sets the limit, whatever [`SlotOptions::limit`] declares. 0 pauses the queue.
    ///
    /// A limit that is raised serves at once; one that is lowered lets those who hold finish.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// queue.set_limit("support", 0).await?; // lunch: callers wait
    /// let mut caller = queue.enter("support", SlotOptions::new()).await?;
    /// queue.set_limit("support", 3).await?; // three agents are back
    /// caller.granted().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Backend` when the store cannot be asked; whether the limit was set is unknown then.
    pub async fn set_limit(&self, id: &str, limit: usize) -> Result<()> {
        self.backend.set_limit(valid_queue(id)?, Some(limit)).await
    }

    /// Takes back [`set_limit`](Self::set_limit): the latest declared limit counts again.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// queue.set_limit("support", 5).await?; // two agents help out
    /// queue.unset_limit("support").await?;
    /// # assert_eq!(queue.limit("support").await?, 1);
    /// let slot = queue.slot("support", SlotOptions::new().limit(3)).await?; // three count again
    /// # assert_eq!(queue.limit("support").await?, 3); drop(slot);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`set_limit`](Self::set_limit).
    pub async fn unset_limit(&self, id: &str) -> Result<()> {
        self.backend.set_limit(valid_queue(id)?, None).await
    }

    /// Everything in the queue: those who hold a slot, then those who wait, in their order.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let talks = queue.slot("support", SlotOptions::new().item_id("+3215550101")).await?;
    /// let waits = queue.enter("support", SlotOptions::new().item_id("+3215550102")).await?;
    /// let numbers: Vec<_> = queue.items("support").await?.into_iter().map(|one| one.item).collect();
    /// assert_eq!(numbers, ["+3215550101", "+3215550102"]);
    /// # drop((talks, waits));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Backend` when the store cannot be asked.
    pub async fn items(&self, id: &str) -> Result<Vec<QueueItem>> {
        self.backend.items(valid_queue(id)?).await
    }

    /// The queue's state as it changes.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    ///
    /// let queue = Queue::in_memory();
    /// let mut watch = queue.watch("support")?;
    /// let slot = queue.slot("support", SlotOptions::new()).await?;
    /// assert_eq!(watch.next().await.map(|state| state.in_use), Some(1));
    /// # drop(slot);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an id that cannot be.
    pub fn watch(&self, id: &str) -> Result<QueueWatch> {
        Ok(QueueWatch {
            states: self.backend.watch(valid_queue(id)?),
            told: None,
        })
    }
}

/// The states of a queue as they change. States that pass while nobody asks are skipped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// # use genesis_ringgroup::queue::{Queue, SlotOptions};
/// # let queue = Queue::in_memory();
/// # queue.set_limit("support", 2).await?;
/// let mut wallboard = queue.watch("support")?;
/// while let Some(state) = wallboard.next().await {
///     let free = state.limit.saturating_sub(state.in_use);
///     println!("{} callers wait, {free} agents are free", state.depth);
/// #   break;
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct QueueWatch {
    states: watch::Receiver<Option<QueueState>>,
    told: Option<QueueState>,
}

impl QueueWatch {
    /// The state at first, then the next one that differs; `None` when the backend has ended.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::queue::{Queue, SlotOptions};
    /// # let queue = Queue::in_memory();
    /// let mut watch = queue.watch("support")?;
    /// queue.set_limit("support", 2).await?;
    /// let told = watch.next().await;
    /// queue.set_limit("support", 6).await?;
    /// assert_ne!(watch.next().await, told);
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<QueueState> {
        let told = self.told;
        let news = |state: &Option<QueueState>| state.is_some() && *state != told;
        self.told = *self.states.wait_for(news).await.ok()?;
        self.told
    }
}

fn valid_name<'a>(what: &str, name: &'a str) -> Result<&'a str> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "a {what} has 1 to {LONGEST_NAME} bytes, this one has {}",
                name.len()
            ),
        ));
    }
    Ok(name)
}

fn valid_queue(id: &str) -> Result<&str> {
    if id.contains(['{', '}']) {
        return Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("queue id {id:?} must not contain braces: they mark the hash tag"),
        ));
    }
    valid_name("queue id", id)
}
