//! Lines in Redis, shared by several processes.

mod driver;
mod line;
mod step;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};

use self::driver::{Command, Driver, What};
use self::line::{Question, Times};
use super::backend::{Entry, Place, QueueBackend, QueueItem, QueueState};
use crate::redis::{RedisOptions, RedisStore};
use crate::{Error, ErrorKind, Result};

/// How long a step may take at least, however short the lease.
const SHORTEST_STEP: Duration = Duration::from_millis(150);

/// Keeps the lines in Redis: for several processes. See the [rules](super#leases).
///
/// One task does the work: one connection for scripts, one for what is published. It ends when the last
/// [`Queue`](super::Queue), [`Ticket`](super::Ticket) and [`Slot`](super::Slot) are gone, and gives back what
/// they had.
///
/// ```no_run
/// # async fn example() -> genesis_ringgroup::Result<()> {
/// use genesis_ringgroup::RedisOptions;
/// use genesis_ringgroup::queue::{Queue, QueueBackend, RedisQueue};
///
/// let lines = RedisQueue::connect(RedisOptions::new("redis://127.0.0.1/")).await?;
/// println!("{:?}", lines.items("support").await?); // of all processes
/// let queue = Queue::new(lines);
/// # let _ = queue;
/// # Ok(()) }
/// ```
pub struct RedisQueue {
    commands: mpsc::UnboundedSender<Command>,
    store: RedisStore,
}

impl RedisQueue {
    /// Connects.
    ///
    /// ```no_run
    /// # async fn example() -> genesis_ringgroup::Result<()> {
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::RedisOptions;
    /// # use genesis_ringgroup::queue::RedisQueue;
    /// let redis = RedisOptions::new("redis+unix:///run/redis/redis.sock").lease(Duration::from_secs(6));
    /// let lines = RedisQueue::connect(redis).await?; // a caller whose process dies is out of the line after 6 s
    /// # let _ = lines;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for options that cannot work, `Backend` when Redis is not there or refuses.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the connection.
    pub async fn connect(options: RedisOptions) -> Result<Self> {
        let times = Times {
            lease: options.lease_time(),
            patience: options.command_time(),
            outage: options.outage_time(),
        };
        // a step that is not answered must not use up the lease: there have to be several attempts
        let one_step = options.lease_time() / 3;
        let one_step = options.command_time().min(one_step.max(SHORTEST_STEP));
        let store = RedisStore::connect(options.command_timeout(one_step)).await?;
        let (commands, receiver) = mpsc::unbounded_channel();
        tokio::spawn(Driver::new(store.clone(), times, receiver).run());
        Ok(Self { commands, store })
    }

    /// To the task. It is there as long as we are, unless the runtime shuts down: then the command is
    /// dropped, and whoever waits sees that.
    fn tell(&self, queue: &str, what: What) {
        let queue = queue.into();
        let _ = self.commands.send(Command { queue, what });
    }

    async fn ask<T>(
        &self,
        queue: &str,
        question: impl FnOnce(oneshot::Sender<Result<T>>) -> Question,
    ) -> Result<T> {
        let (answer, receiver) = oneshot::channel();
        self.tell(queue, What::Ask(question(answer)));
        receiver.await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Backend,
                "the queues have ended: their runtime shut down",
            ))
        })
    }
}

impl fmt::Debug for RedisQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQueue")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl QueueBackend for RedisQueue {
    fn enter(&self, queue: &str, entry: Entry) -> watch::Receiver<Place> {
        let (place, receiver) = watch::channel(Place::Entering);
        self.tell(queue, What::Enter(entry, place));
        receiver
    }

    fn leave(&self, queue: &str, entry: &Entry) -> oneshot::Receiver<Result<()>> {
        let (left, receiver) = oneshot::channel();
        self.tell(queue, What::Leave(entry.ticket(), left));
        receiver
    }

    fn positions(&self, queue: &str, entry: &Entry) -> watch::Receiver<Option<usize>> {
        let (positions, receiver) = watch::channel(None);
        self.tell(queue, What::Follow(entry.ticket(), positions));
        receiver
    }

    fn watch(&self, queue: &str) -> watch::Receiver<Option<QueueState>> {
        let (states, receiver) = watch::channel(None);
        self.tell(queue, What::Watch(states));
        receiver
    }

    async fn state(&self, queue: &str) -> Result<QueueState> {
        self.ask(queue, Question::State).await
    }

    async fn items(&self, queue: &str) -> Result<Vec<QueueItem>> {
        self.ask(queue, Question::Items).await
    }

    async fn set_limit(&self, queue: &str, limit: Option<usize>) -> Result<()> {
        let question = |answer| Question::SetLimit(limit, answer);
        self.ask(queue, question).await
    }
}
