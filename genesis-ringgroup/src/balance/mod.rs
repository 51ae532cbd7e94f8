//! Balancing: which destination has the fewest calls.
//!
//! The load of a destination is the number of its calls in progress, ringing or up. It rises when
//! the destination is chosen and falls when its call ends; an answer does not change it. Choosing
//! and counting is one step, so any number of tasks, and with `RedisBalancer` any number of
//! processes, that choose at the same moment spread evenly.
//!
//! | backend | who shares the counts |
//! |---|---|
//! | [`MemoryBalancer`] | the clones of one balancer, in one process |
//! | `RedisBalancer` (feature `redis`) | every process that uses the same Redis and prefix |
//! | your own [`LoadBalancer`] | up to you |
//!
//! ```
//! use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> genesis_ringgroup::Result<()> {
//! let balancer = MemoryBalancer::new();
//! let agents = ["user/1001".to_owned(), "user/1002".to_owned()];
//!
//! let first = balancer.choose(&agents).await?;
//! let second = balancer.choose(&agents).await?;
//! assert_eq!((first.index, second.index), (0, 1));
//!
//! // the call of the first one ends
//! drop(first.load);
//! assert_eq!(balancer.get_count("user/1001").await?, 0);
//! assert_eq!(balancer.choose(&agents).await?.index, 0);
//! # Ok(())
//! # }
//! ```

mod counts;
mod load;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod tally;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Error, ErrorKind, Result};

pub use counts::Counts;
pub use load::{Choice, Load, LoadKeeper};
pub use memory::MemoryBalancer;
#[cfg(feature = "redis")]
pub use redis::{RedisBalancer, RedisBalancerBuilder, Watch, WhenDown};

/// The most destinations that one choice may be made from.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// use genesis_ringgroup::balance::{LoadBalancer, MAX_DESTINATIONS, MemoryBalancer};
///
/// let agents: Vec<_> = (0..=MAX_DESTINATIONS).map(|n| format!("user/{n}")).collect();
/// assert!(MemoryBalancer::new().choose(&agents).await.is_err());
/// assert!(MemoryBalancer::new().choose(&agents[1..]).await.is_ok());
/// # Ok(()) }
/// ```
pub const MAX_DESTINATIONS: usize = 10_000;
/// The longest name of a destination, in bytes.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// # use genesis_ringgroup::balance::{LoadBalancer, MAX_DESTINATION_BYTES, MemoryBalancer};
/// let balancer = MemoryBalancer::new();
/// let fits = "x".repeat(MAX_DESTINATION_BYTES);
/// assert!(balancer.count(&fits).await.is_ok());
/// assert!(balancer.count(&(fits + "x")).await.is_err());
/// # Ok(()) }
/// ```
pub const MAX_DESTINATION_BYTES: usize = 8 * 1024;
/// The longest Unique-ID, in bytes.
const MAX_UUID_BYTES: usize = 256;

/// Counts calls in progress per destination, and chooses the destination that has the fewest.
///
/// A destination is any text; ring groups use the dial string. Names are compared byte by byte.
///
/// Implement it to keep the counts elsewhere; [`Load::new`] and [`LoadKeeper`] are what a
/// count is made of.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use async_trait::async_trait;
/// use genesis_ringgroup::Result;
/// use genesis_ringgroup::balance::{Choice, Load, LoadBalancer};
///
/// /// Always the first destination, and one count for all.
/// #[derive(Debug, Default)]
/// struct First(Arc<AtomicU64>);
///
/// #[async_trait]
/// impl LoadBalancer for First {
///     async fn choose(&self, destinations: &[String]) -> Result<Choice> {
///         Ok(Choice::new(0, self.count(&destinations[0]).await?))
///     }
///
///     async fn count(&self, destination: &str) -> Result<Load> {
///         let count = Arc::clone(&self.0);
///         count.fetch_add(1, Ordering::Relaxed);
///         Ok(Load::with_release(destination, move || {
///             count.fetch_sub(1, Ordering::Relaxed);
///         }))
///     }
///
///     async fn get_count(&self, _destination: &str) -> Result<u64> {
///         Ok(self.0.load(Ordering::Relaxed))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let balancer = First::default();
/// let load = balancer.count("user/1001").await?;
/// load.answered("0a96d2b2-3d5c-4d6f-9b5e-6d5a3c1f2e11").await?;
/// assert_eq!(balancer.get_count("user/1001").await?, 1);
/// load.release().await?;
/// assert_eq!(balancer.get_count("user/1001").await?, 0);
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait LoadBalancer: Send + Sync + fmt::Debug + 'static {
    /// Chooses the destination with the fewest calls in progress and counts a call for it, in one
    /// atomic step. Of several with the same number it is the one that was chosen longest ago;
    /// those that were never chosen come first, in the order of the list.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// let balancer = MemoryBalancer::new();
    /// let gateways = ["sofia/gateway/a/3200", "sofia/gateway/b/3200"].map(str::to_owned);
    /// let calls = [balancer.choose(&gateways).await?, balancer.choose(&gateways).await?];
    /// let third = balancer.choose(&gateways).await?; // one call each: the one chosen longest ago
    /// assert_eq!(gateways[third.index], "sofia/gateway/a/3200");
    /// # drop(calls);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] when there is no destination, or one is empty or too long;
    /// [`ErrorKind::LimitExceeded`] when the balancer counts as many calls as it may;
    /// [`ErrorKind::Backend`] when the counts cannot be reached. Then nothing is counted.
    ///
    /// # Cancel safety
    ///
    /// Safe: what was counted for a caller that left is given back.
    async fn choose(&self, destinations: &[String]) -> Result<Choice>;

    /// Counts a call for this destination, without a choice. It counts as chosen now.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// let balancer = MemoryBalancer::new();
    /// let agents = ["user/1001", "user/1002"].map(str::to_owned);
    /// // 1001 has a call that came another way
    /// let _direct = balancer.count("user/1001").await?;
    /// assert_eq!(balancer.choose(&agents).await?.index, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`choose`](Self::choose).
    ///
    /// # Cancel safety
    ///
    /// As [`choose`](Self::choose).
    async fn count(&self, destination: &str) -> Result<Load>;

    /// How many calls to this destination are in progress, ringing or up.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// let balancer = MemoryBalancer::new();
    /// let call = balancer.count("user/1001").await?;
    /// call.answered("6d1c8e53-8a43-4b0e-9f13-5f0f0b3c7a10").await?;
    /// assert_eq!(balancer.get_count("user/1001").await?, 1); // up as well as ringing
    /// # drop(call);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Backend`] when the counts cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    async fn get_count(&self, destination: &str) -> Result<u64>;

    /// What metrics call it: `memory`, `redis`, or `custom`.
    ///
    /// ```
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// assert_eq!(MemoryBalancer::new().backend(), "memory");
    /// ```
    fn backend(&self) -> &'static str {
        "custom"
    }
}

#[async_trait]
impl<B: LoadBalancer + ?Sized> LoadBalancer for Arc<B> {
    async fn choose(&self, destinations: &[String]) -> Result<Choice> {
        (**self).choose(destinations).await
    }

    async fn count(&self, destination: &str) -> Result<Load> {
        (**self).count(destination).await
    }

    async fn get_count(&self, destination: &str) -> Result<u64> {
        (**self).get_count(destination).await
    }

    fn backend(&self) -> &'static str {
        (**self).backend()
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// What every backend demands of a list of destinations.
fn check_destinations(destinations: &[impl AsRef<str>]) -> Result<()> {
    if destinations.is_empty() {
        return Err(invalid("there is no destination to choose from"));
    }
    if destinations.len() > MAX_DESTINATIONS {
        return Err(invalid(format!(
            "{} destinations to choose from; at most {MAX_DESTINATIONS} are allowed",
            destinations.len()
        )));
    }
    for (index, destination) in destinations.iter().enumerate() {
        let length = destination.as_ref().len();
        if length == 0 {
            return Err(invalid(format!("destination {index} of the list is empty")));
        }
        if length > MAX_DESTINATION_BYTES {
            return Err(invalid(format!(
                "destination {index} of the list has {length} bytes; at most \
                 {MAX_DESTINATION_BYTES} are allowed"
            )));
        }
    }
    Ok(())
}

/// What every backend demands of a Unique-ID.
fn check_uuid(uuid: &str) -> Result<()> {
    let fits = (1..=MAX_UUID_BYTES).contains(&uuid.len());
    if fits && !uuid.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Ok(());
    }
    Err(invalid(format!(
        "a Unique-ID of {} bytes is none: it has 1 to {MAX_UUID_BYTES} bytes and no white space",
        uuid.len()
    )))
}

fn too_many_loads(limit: usize) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        format!(
            "this balancer counts {limit} calls, which is its limit; raise the limit, or let calls \
             end first"
        ),
    )
}
