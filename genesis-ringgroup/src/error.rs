//! The one error type of this crate.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation did not do what was asked.
///
/// Ask the predicates, or match on [`kind`](Self::kind). The text says what happened and what to do.
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
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }

    /// The store of shared state (Redis) failed; trying again later may help.
    pub fn is_backend(&self) -> bool {
        self.0.kind == ErrorKind::Backend
    }

    /// The connection to the switch was lost for good.
    pub fn is_disconnected(&self) -> bool {
        self.0.kind == ErrorKind::Disconnected
    }

    /// The Unique-IDs of legs that may still ring, because the connection was lost for good before
    /// they could be hung up. The switch ends them at their `originate_timeout`, unless somebody
    /// answers.
    pub fn may_still_ring(&self) -> &[String] {
        &self.0.may_still_ring
    }

    /// The lease ran out: somebody else may hold the place now.
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
