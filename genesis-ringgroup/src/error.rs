//! The one error type of this crate.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A result of this crate.
///
/// ```
/// use genesis_ringgroup::{Queue, Result, Slot, SlotOptions};
///
/// async fn trunk_line(queue: &Queue) -> Result<Slot> {
///     queue.slot("trunk", SlotOptions::new().limit(30)).await
/// }
/// # let _ = trunk_line;
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation did not do what was asked.
///
/// Ask the predicates, or match on [`kind`](Self::kind). The text says what happened and what to do.
///
/// ```
/// use genesis_ringgroup::RingMode;
///
/// let error = "ring-all".parse::<RingMode>().unwrap_err();
/// eprintln!("{error}"); // "ring-all" is no ring mode; there are parallel, sequential, …
/// # assert!(error.to_string().starts_with("\"ring-all\" is no ring mode"));
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    may_still_ring: Vec<String>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of [`Error`].
///
/// ```
/// use genesis_ringgroup::{Error, ErrorKind};
///
/// /// What the caller hears.
/// fn prompt(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::Timeout | ErrorKind::LimitExceeded => "ivr/ivr-all_agents_busy.wav",
///         _ => "ivr/ivr-technical_difficulties.wav",
///     }
/// }
/// # let _ = prompt;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The deadline passed; whoever waited has left the line.
    Timeout,
    /// The store of shared state (Redis) cannot be reached or answered with an error.
    Backend,
    /// A value that was passed in was refused; nothing was changed.
    InvalidArgument,
    /// A bound was reached; nothing was changed.
    LimitExceeded,
    /// The place or the count was given away, because its lease was not renewed in time.
    Lost,
    /// Call control failed: a mode of the socket, a refusal.
    Channel,
    /// The connection to the switch was lost for good, or could not be made.
    Disconnected,
}

impl ErrorKind {
    /// The kind in one word, for labels and logs: `timeout`, `backend`, `invalid_argument`,
    /// `limit`, `lost`, `channel` or `disconnected`.
    ///
    /// ```
    /// # use genesis_ringgroup::ErrorKind;
    /// assert_eq!(ErrorKind::LimitExceeded.as_str(), "limit");
    /// ```
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Backend => "backend",
            Self::InvalidArgument => "invalid_argument",
            Self::LimitExceeded => "limit",
            Self::Lost => "lost",
            Self::Channel => "channel",
            Self::Disconnected => "disconnected",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            may_still_ring: Vec::new(),
            source: None,
        }))
    }

    pub(crate) fn timeout(what: &str, after: Duration) -> Self {
        Self::new(
            ErrorKind::Timeout,
            format!("{what} was not there within {after:?}"),
        )
    }

    pub(crate) fn with_source(
        mut self,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Names the legs that nobody could hang up.
    pub(crate) fn with_may_still_ring(mut self, uuids: Vec<String>) -> Self {
        if !uuids.is_empty() {
            self.0.message.push_str("; may still ring: ");
            self.0.message.push_str(&uuids.join(", "));
        }
        self.0.may_still_ring = uuids;
        self
    }

    /// What kind of error this is.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::{ErrorKind, Queue, SlotOptions};
    /// let error = Queue::in_memory().slot("", SlotOptions::new()).await.unwrap_err();
    /// assert_eq!(error.kind(), &ErrorKind::InvalidArgument); // a queue has a name
    /// # Ok(()) }
    /// ```
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The deadline passed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::Queue;
    /// # let agents = Queue::in_memory().semaphore("agents", 1);
    /// # let _busy = agents.acquire().await?;
    /// let error = agents.acquire_within(Duration::from_millis(10)).await.unwrap_err();
    /// assert!(error.is_timeout()); // offer to call back
    /// # Ok(()) }
    /// ```
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }

    /// The store of shared state (Redis) failed; trying again later may help.
    ///
    /// ```no_run
    /// # use genesis_ringgroup::{LoadBalancer, MemoryBalancer, RingGroup, RingMode};
    /// # async fn example(group: RingGroup, client: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
    /// let ring = match group.clone().mode(RingMode::Balancing).ring(&client).await {
    ///     Err(error) if error.is_backend() => group.mode(RingMode::RoundRobin).ring(&client).await?,
    ///     result => result?,
    /// };
    /// # let _ = ring;
    /// # Ok(()) }
    /// ```
    pub fn is_backend(&self) -> bool {
        self.0.kind == ErrorKind::Backend
    }

    /// The connection to the switch was lost for good.
    ///
    /// ```no_run
    /// # async fn example(group: genesis_ringgroup::RingGroup, first: genesis_ringgroup::channel::client::Client, second: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
    /// let ring = match group.ring(&first).await {
    ///     Err(error) if error.is_disconnected() => group.ring(&second).await?, // the other switch
    ///     result => result?,
    /// };
    /// # let _ = ring;
    /// # Ok(()) }
    /// ```
    pub fn is_disconnected(&self) -> bool {
        self.0.kind == ErrorKind::Disconnected
    }

    /// The Unique-IDs of legs that may still ring, because the connection was lost for good before
    /// they could be hung up. The switch ends them at their `originate_timeout`, unless somebody
    /// answers.
    ///
    /// ```no_run
    /// # async fn example(group: genesis_ringgroup::RingGroup, client: genesis_ringgroup::channel::client::Client) {
    /// if let Err(error) = group.ring(&client).await {
    ///     for uuid in error.may_still_ring() {
    ///         eprintln!("fs_cli -x 'uuid_kill {uuid} ORIGINATOR_CANCEL'");
    ///     }
    /// }
    /// # }
    /// ```
    pub fn may_still_ring(&self) -> &[String] {
        &self.0.may_still_ring
    }

    /// The lease ran out: somebody else may hold the place now.
    ///
    /// ```no_run
    /// # async fn example(slot: genesis_ringgroup::Slot) -> genesis_ringgroup::Result<()> {
    /// match slot.release().await {
    ///     Err(error) if error.is_lost() => println!("more than the limit may have been in use"),
    ///     result => result?,
    /// }
    /// # Ok(()) }
    /// ```
    pub fn is_lost(&self) -> bool {
        self.0.kind == ErrorKind::Lost
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {})", self.0.kind, self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}

impl From<genesis_channel::Error> for Error {
    fn from(error: genesis_channel::Error) -> Self {
        use genesis_channel::ErrorKind as ChannelKind;
        let kind = match error.kind() {
            ChannelKind::Timeout => ErrorKind::Timeout,
            ChannelKind::InvalidArgument => ErrorKind::InvalidArgument,
            ChannelKind::LimitExceeded => ErrorKind::LimitExceeded,
            ChannelKind::Disconnected(_) => ErrorKind::Disconnected,
            _ => ErrorKind::Channel,
        };
        let mut own = Self::new(kind, error.to_string());
        own.0.may_still_ring = error.may_still_ring().to_vec();
        own.with_source(error)
    }
}
