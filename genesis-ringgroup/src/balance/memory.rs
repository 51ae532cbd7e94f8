//! Counts in the memory of this process.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::tally::Tally;
use super::{Choice, Counts, Load, LoadBalancer, LoadKeeper, check_destinations, too_many_loads};
use crate::Result;

/// Counts calls in the memory of this process. Clones share their counts, and cost one reference
/// count.
///
/// Bounds: it counts at most [`limit`](Self::with_limit) calls, and remembers of 10,000
/// destinations when they were last chosen; the longest ago is forgotten first and then counts as
/// never chosen.
///
/// See the [module](super) for an example.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
/// let balancer = MemoryBalancer::new();
/// let in_another_task = balancer.clone();
/// let _call = in_another_task.count("user/1001").await?;
/// assert_eq!(balancer.get_count("user/1001").await?, 1); // clones share their counts
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MemoryBalancer {
    tally: Arc<Mutex<Tally>>,
    limit: usize,
}

impl MemoryBalancer {
    /// The most calls that are counted at once, unless [`with_limit`](Self::with_limit) says
    /// otherwise.
    ///
    /// ```
    /// # use genesis_ringgroup::MemoryBalancer;
    /// let balancer = MemoryBalancer::with_limit(2 * MemoryBalancer::DEFAULT_LIMIT);
    /// # let _ = balancer;
    /// ```
    pub const DEFAULT_LIMIT: usize = 100_000;

    /// A balancer without calls.
    ///
    /// ```
    /// # use genesis_ringgroup::MemoryBalancer;
    /// assert!(MemoryBalancer::new().snapshot().is_empty());
    /// ```
    pub fn new() -> Self {
        Self::with_limit(Self::DEFAULT_LIMIT)
    }

    /// A balancer that counts at most `limit` calls at once; choosing beyond it is an error
    /// ([`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded)).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::{ErrorKind, LoadBalancer, MemoryBalancer};
    /// let balancer = MemoryBalancer::with_limit(1); // the licence of this PBX
    /// let _call = balancer.count("user/1001").await?;
    /// let error = balancer.count("user/1002").await.unwrap_err();
    /// assert_eq!(error.kind(), &ErrorKind::LimitExceeded);
    /// # Ok(()) }
    /// ```
    pub fn with_limit(limit: usize) -> Self {
        Self {
            tally: Arc::default(),
            limit,
        }
    }

    /// The counts of all destinations that have calls.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// let balancer = MemoryBalancer::new();
    /// let _calls = [balancer.count("user/1001").await?, balancer.count("user/1001").await?];
    /// assert_eq!(balancer.snapshot().get("user/1001"), 2);
    /// # Ok(()) }
    /// ```
    pub fn snapshot(&self) -> Counts {
        self.lock().snapshot(false)
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        lock(&self.tally)
    }

    fn choose_now(&self, destinations: &[impl AsRef<str>]) -> Result<Choice> {
        check_destinations(destinations)?;
        let mut tally = self.lock();
        if tally.total() >= self.limit {
            return Err(too_many_loads(self.limit));
        }
        let index = tally.least(destinations).unwrap_or_default();
        let destination = destinations[index].as_ref();
        tally.choose(destination);
        let keeper = Counted {
            tally: Arc::clone(&self.tally),
            destination: destination.into(),
        };
        Ok(Choice::new(index, Load::new(destination, keeper)))
    }
}

impl Default for MemoryBalancer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryBalancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBalancer")
            .field("calls", &self.lock().total())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl LoadBalancer for MemoryBalancer {
    async fn choose(&self, destinations: &[String]) -> Result<Choice> {
        self.choose_now(destinations)
    }

    async fn count(&self, destination: &str) -> Result<Load> {
        Ok(self.choose_now(&[destination])?.load)
    }

    async fn get_count(&self, destination: &str) -> Result<u64> {
        Ok(self.lock().get(destination))
    }

    fn backend(&self) -> &'static str {
        "memory"
    }
}

struct Counted {
    tally: Arc<Mutex<Tally>>,
    destination: Box<str>,
}

#[async_trait]
impl LoadKeeper for Counted {
    fn discard(self: Box<Self>) {
        lock(&self.tally).end(&self.destination);
    }
}

/// Nothing panics while it holds the lock.
fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
