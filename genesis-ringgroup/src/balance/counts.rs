//! All counts at one moment.

use std::collections::BTreeMap;

/// The number of calls in progress of every destination that has any, at one moment.
///
/// Bounded: of more than 10,000 destinations only 10,000 are listed, and
/// [`left_out`](Self::left_out) says how many are missing.
///
/// ```
/// use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> genesis_ringgroup::Result<()> {
/// let balancer = MemoryBalancer::new();
/// let _call = balancer.count("user/1001").await?;
/// for (destination, calls) in balancer.snapshot().iter() {
///     println!("{destination}: {calls}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    counts: BTreeMap<String, u64>,
    left_out: u64,
    local_fallback: bool,
}

/// The most destinations that are listed.
pub(crate) const LISTED: usize = 10_000;

impl Counts {
    /// Of `destinations` destinations in all, those that `counts` lists.
    pub(crate) fn new(
        counts: impl IntoIterator<Item = (String, u64)>,
        destinations: u64,
        local_fallback: bool,
    ) -> Self {
        let counts: BTreeMap<_, _> = counts.into_iter().take(LISTED).collect();
        let left_out = destinations.saturating_sub(counts.len() as u64);
        Self {
            counts,
            left_out,
            local_fallback,
        }
    }

    /// The number of calls to this destination; 0 also for one that is left out.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// let balancer = MemoryBalancer::new();
    /// let _call = balancer.count("user/1001").await?;
    /// let counts = balancer.snapshot();
    /// assert_eq!((counts.get("user/1001"), counts.get("user/1002")), (1, 0));
    /// # Ok(()) }
    /// ```
    pub fn get(&self, destination: &str) -> u64 {
        self.counts.get(destination).copied().unwrap_or_default()
    }

    /// Destinations and their number of calls, in the order of their names.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// # let balancer = MemoryBalancer::new();
    /// # let _calls = [balancer.count("user/1001").await?, balancer.count("user/1002").await?, balancer.count("user/1002").await?];
    /// let counts = balancer.snapshot();
    /// let busiest = counts.iter().max_by_key(|(_, calls)| *calls);
    /// assert_eq!(busiest, Some(("user/1002", 2)));
    /// # Ok(()) }
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(name, count)| (&**name, *count))
    }

    /// How many destinations are listed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// let balancer = MemoryBalancer::new();
    /// let _calls = [balancer.count("user/1001").await?, balancer.count("user/1002").await?];
    /// println!("{} agents have calls", balancer.snapshot().len());
    /// # assert_eq!(balancer.snapshot().len(), 2);
    /// # Ok(()) }
    /// ```
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// No destination has a call.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// let balancer = MemoryBalancer::new();
    /// let call = balancer.count("user/1001").await?;
    /// call.release().await?;
    /// assert!(balancer.snapshot().is_empty()); // safe to restart now
    /// # Ok(()) }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The number of calls to all listed destinations together.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// let balancer = MemoryBalancer::new();
    /// let _calls = [balancer.count("user/1001").await?, balancer.count("user/1002").await?];
    /// assert_eq!(balancer.snapshot().total(), 2);
    /// # Ok(()) }
    /// ```
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// How many destinations with calls are not listed.
    ///
    /// ```
    /// use genesis_ringgroup::balance::Counts;
    ///
    /// fn heading(counts: &Counts) -> String {
    ///     format!("{} of {} destinations", counts.len(), counts.len() as u64 + counts.left_out())
    /// }
    /// # assert_eq!(heading(&Counts::default()), "0 of 0 destinations");
    /// ```
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// These are the counts of this process alone, because the shared ones could not be reached.
    ///
    /// ```
    /// # fn example(counts: &genesis_ringgroup::balance::Counts) {
    /// if counts.is_local_fallback() {
    ///     println!("Redis is away: calls of other processes are missing here");
    /// }
    /// # }
    /// ```
    pub fn is_local_fallback(&self) -> bool {
        self.local_fallback
    }
}
