//! One counted call.

use std::fmt;

use async_trait::async_trait;

use super::check_uuid;
use crate::Result;

/// The destination that was chosen, and its count.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
/// let agents = ["user/1001".to_owned(), "user/1002".to_owned()];
/// let choice = MemoryBalancer::new().choose(&agents).await?;
/// println!("originate {} &park()", agents[choice.index]);
/// // … the call has ended …
/// choice.load.release().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Choice {
    /// Where in the list of destinations it stands, from 0.
    pub index: usize,
    /// The call that was counted for it.
    pub load: Load,
}

impl Choice {
    /// A choice; for those who implement [`LoadBalancer`](super::LoadBalancer).
    ///
    /// ```
    /// use genesis_ringgroup::balance::{Choice, Load};
    ///
    /// let load = Load::with_release("user/1002", || println!("user/1002 is free"));
    /// let choice = Choice::new(1, load);
    /// # assert_eq!(choice.load.destination(), "user/1002");
    /// ```
    pub fn new(index: usize, load: Load) -> Self {
        Self { index, load }
    }

    /// The choice was made from the counts of this process alone, because the shared ones could
    /// not be reached.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// # let gateways = ["sofia/gateway/a/3200".to_owned()];
    /// let choice = MemoryBalancer::new().choose(&gateways).await?;
    /// let spread = if choice.is_local_fallback() { "of this process" } else { "of all" };
    /// println!("{} has the fewest calls {spread}", gateways[choice.index]);
    /// # Ok(()) }
    /// ```
    pub fn is_local_fallback(&self) -> bool {
        self.load.is_local_fallback()
    }
}

/// One counted call: hold it until the call ends. Dropping it gives the count back.
///
/// A destination that does not answer has no call any more once it stopped ringing: drop its
/// `Load` then. Once it has answered, [`answered`](Self::answered) binds the count to the channel. If the
/// connection to the switch is lost for good while it is up, [`detach`](Self::detach) it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
/// let balancer = MemoryBalancer::new();
/// {
///     let _call = balancer.count("user/1003").await?;
///     // … it rings, is answered, and ends …
/// }
/// assert_eq!(balancer.get_count("user/1003").await?, 0);
/// # Ok(()) }
/// ```
#[must_use = "dropping a Load gives the count back"]
pub struct Load {
    destination: String,
    local_fallback: bool,
    /// `None` once the count was given back.
    keeper: Option<Box<dyn LoadKeeper>>,
}

impl Load {
    /// A count that `keeper` keeps; for those who implement [`LoadBalancer`](super::LoadBalancer).
    ///
    /// ```
    /// use genesis_ringgroup::balance::{Load, LoadKeeper};
    ///
    /// struct Row(u64);
    /// impl LoadKeeper for Row {
    ///     fn discard(self: Box<Self>) { println!("DELETE FROM calls WHERE id = {}", self.0) }
    /// }
    /// let load = Load::new("user/1001", Row(4711));
    /// # let _ = load;
    /// ```
    pub fn new(destination: impl Into<String>, keeper: impl LoadKeeper) -> Self {
        Self {
            destination: destination.into(),
            local_fallback: false,
            keeper: Some(Box::new(keeper)),
        }
    }

    /// A count that `release` gives back. It is called exactly once, when the load is released or
    /// dropped; it must not block.
    ///
    /// ```
    /// use genesis_ringgroup::balance::Load;
    /// use std::sync::mpsc;
    ///
    /// let (free, freed) = mpsc::channel();
    /// drop(Load::with_release("user/1001", move || free.send("user/1001").unwrap_or_default()));
    /// assert_eq!(freed.recv(), Ok("user/1001"));
    /// ```
    pub fn with_release(
        destination: impl Into<String>,
        release: impl FnOnce() + Send + Sync + 'static,
    ) -> Self {
        Self::new(destination, Release(release))
    }

    /// Says that this count is known to this process only, because the shared ones could not be
    /// reached.
    ///
    /// ```
    /// # use genesis_ringgroup::balance::Load;
    /// let load = Load::with_release("user/1001", || {}).as_local_fallback();
    /// assert!(load.is_local_fallback());
    /// ```
    pub fn as_local_fallback(mut self) -> Self {
        self.local_fallback = true;
        self
    }

    /// The destination whose call this is.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// let call = MemoryBalancer::new().count("sofia/gateway/carrier/3200").await?;
    /// println!("{} has one more call", call.destination());
    /// # assert_eq!(call.destination(), "sofia/gateway/carrier/3200");
    /// # Ok(()) }
    /// ```
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// It was counted in this process only, because the shared counts could not be reached.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// let call = MemoryBalancer::new().count("user/1001").await?;
    /// assert!(!call.is_local_fallback()); // nothing is shared in memory, so nothing is missing
    /// # Ok(()) }
    /// ```
    pub fn is_local_fallback(&self) -> bool {
        self.local_fallback
    }

    /// The destination answered: from now on the count belongs to the channel with this Unique-ID.
    /// It lasts until this `Load` is released or dropped; where counts are shared and this process
    /// dies, until the call ends if another process watches the switch, else until the lease runs
    /// out. The number of calls does not change.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// # let balancer = MemoryBalancer::new();
    /// let call = balancer.count("user/1001").await?;
    /// let uuid = "f1d2c7c4-52a2-4c1c-8d1e-0f6f0b0f7a21"; // Unique-ID of the leg that answered
    /// call.answered(uuid).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for text that is no
    /// Unique-ID; [`ErrorKind::Backend`](crate::ErrorKind::Backend) when the shared counts cannot
    /// be reached. The count itself stays, and the backends of this crate tell the Unique-ID later.
    ///
    /// # Cancel safety
    ///
    /// Safe: at worst the Unique-ID is told later.
    pub async fn answered(&self, uuid: &str) -> Result<()> {
        check_uuid(uuid)?;
        match &self.keeper {
            Some(keeper) => keeper.answered(uuid).await,
            None => Ok(()),
        }
    }

    /// Gives the count back and waits until it is.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// let balancer = MemoryBalancer::new();
    /// let call = balancer.count("user/1001").await?;
    /// // CHANNEL_HANGUP_COMPLETE
    /// call.release().await?;
    /// assert_eq!(balancer.get_count("user/1001").await?, 0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Backend`](crate::ErrorKind::Backend) when the shared counts cannot be reached;
    /// the count is then given back later, at the latest when its lease runs out.
    ///
    /// # Cancel safety
    ///
    /// Safe: the count is given back also if nobody waits for it.
    pub async fn release(mut self) -> Result<()> {
        match self.keeper.take() {
            Some(keeper) => keeper.release().await,
            None => Ok(()),
        }
    }
}

impl Load {
    /// Nothing more can be heard of the call, though it may be up: the connection to its switch was
    /// lost for good. Ring groups do this for calls that they have answered.
    ///
    /// In memory the count is given back at once, because nobody could do it later. In Redis the call
    /// is treated as one of a process that died: it is counted until its end if somebody watches the
    /// switch, else for one lease from now.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::balance::{LoadBalancer, MemoryBalancer};
    /// # let balancer = MemoryBalancer::new();
    /// # let lost_for_good = true;
    /// let call = balancer.count("user/1004").await?;
    /// if lost_for_good {
    ///     call.detach(); // its CHANNEL_HANGUP_COMPLETE will not be seen here
    /// }
    /// # Ok(()) }
    /// ```
    pub fn detach(mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.detach();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.discard();
        }
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("destination", &self.destination)
            .field("local_fallback", &self.local_fallback)
            .finish_non_exhaustive()
    }
}

/// What keeps one count, behind a [`Load`]. Exactly one of [`release`](Self::release),
/// [`detach`](Self::detach) and [`discard`](Self::discard) is called, once.
///
/// ```
/// use genesis_ringgroup::balance::LoadKeeper;
/// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
///
/// /// One call of a destination; gone with the call.
/// struct Gauge(Arc<AtomicUsize>);
///
/// impl LoadKeeper for Gauge {
///     fn discard(self: Box<Self>) { self.0.fetch_sub(1, Ordering::Relaxed); }
/// }
/// # let _ = Gauge;
/// ```
#[async_trait]
pub trait LoadKeeper: Send + Sync + 'static {
    /// The call was answered by the channel with this Unique-ID. By default nothing is done.
    ///
    /// ```
    /// # use genesis_ringgroup::{Result, balance::LoadKeeper};
    /// # struct Row(u64);
    /// #[async_trait::async_trait]
    /// impl LoadKeeper for Row {
    ///     async fn answered(&self, uuid: &str) -> Result<()> {
    ///         println!("UPDATE calls SET uuid = '{uuid}' WHERE id = {}", self.0);
    ///         Ok(())
    ///     }
    /// #   fn discard(self: Box<Self>) {}
    /// }
    /// # let _ = Row;
    /// ```
    ///
    /// # Errors
    ///
    /// When that cannot be written down.
    async fn answered(&self, uuid: &str) -> Result<()> {
        let _ = uuid;
        Ok(())
    }

    /// Gives the count back and waits until it is. Must give it back also when its future is
    /// dropped. By default it does what [`discard`](Self::discard) does.
    ///
    /// ```
    /// # use genesis_ringgroup::{Result, balance::LoadKeeper};
    /// # struct Row(u64);
    /// #[async_trait::async_trait]
    /// impl LoadKeeper for Row {
    ///     async fn release(self: Box<Self>) -> Result<()> {
    ///         // a task of its own: it goes on if nobody waits for it any more
    ///         let delete = async move { println!("DELETE FROM calls WHERE id = {}", self.0) };
    ///         let _ = tokio::spawn(delete).await;
    ///         Ok(())
    ///     }
    /// #   fn discard(self: Box<Self>) {}
    /// }
    /// # let _ = Row;
    /// ```
    ///
    /// # Errors
    ///
    /// When that cannot be confirmed.
    async fn release(self: Box<Self>) -> Result<()> {
        self.discard();
        Ok(())
    }

    /// The call may go on, and nobody here will hear of its end; see [`Load::detach`]. By default it
    /// does what [`discard`](Self::discard) does.
    ///
    /// ```
    /// # use genesis_ringgroup::{Result, balance::LoadKeeper};
    /// # struct Row(u64);
    /// impl LoadKeeper for Row {
    ///     fn detach(self: Box<Self>) {
    ///         println!("UPDATE calls SET expires = now() + interval '10 s' WHERE id = {}", self.0);
    ///     }
    /// #   fn discard(self: Box<Self>) {}
    /// }
    /// # let _ = Row;
    /// ```
    fn detach(self: Box<Self>) {
        self.discard();
    }

    /// Gives the count back without waiting. Called when a [`Load`] is dropped, possibly outside of
    /// any runtime; it must not block.
    ///
    /// ```
    /// # use genesis_ringgroup::{Result, balance::LoadKeeper};
    /// # use std::sync::mpsc::Sender;
    /// /// Tells a task which call ended; sending does not block.
    /// struct Told(Sender<u64>, u64);
    ///
    /// impl LoadKeeper for Told {
    ///     fn discard(self: Box<Self>) {
    ///         let _ = self.0.send(self.1);
    ///     }
    /// }
    /// # let _ = Told;
    /// ```
    fn discard(self: Box<Self>);
}

/// A count that a closure gives back.
struct Release<F>(F);

impl<F: FnOnce() + Send + Sync + 'static> LoadKeeper for Release<F> {
    fn discard(self: Box<Self>) {
        (self.0)();
    }
}
