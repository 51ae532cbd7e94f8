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
    pub fn get(&self, destination: &str) -> u64 {
        self.counts.get(destination).copied().unwrap_or_default()
    }

    /// Destinations and their number of calls, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(name, count)| (&**name, *count))
    }

    /// How many destinations are listed.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// No destination has a call.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The number of calls to all listed destinations together.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// How many destinations with calls are not listed.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// These are the counts of this process alone, because the shared ones could not be reached.
    pub fn is_local_fallback(&self) -> bool {
        self.local_fallback
    }
}
