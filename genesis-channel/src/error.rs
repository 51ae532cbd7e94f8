//! The one error type of this crate.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use genesis_client::ErrorKind as ClientKind;
use genesis_proto::HangupCause;
use genesis_proto::session::Outcome;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation on a channel did not do what was asked.
///
/// Ask the predicates, or match on [`kind`](Self::kind). The text says what happened and what to
/// do. The switch's own words are data: [`switch_text`](Self::switch_text).
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    switch_text: Option<String>,
    may_still_ring: Vec<String>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The switch has no channel with this Unique-ID.
    UnknownChannel,
    /// An originate ended without an answer: why, in the words of the switch.
    NotAnswered(HangupCause),
    /// The channel hung up, before or during the operation. `None`: it ended while the connection
    /// was away, so the cause is not known.
    HungUp(Option<HangupCause>),
    /// The switch answered `-ERR` or `-USAGE`.
    Refused,
    /// The deadline passed. What was sent may still run.
    Timeout,
    /// The connection ended, or could not be made. The outcome says whether the command had been
    /// sent.
    Disconnected(Outcome),
    /// The mode of the outbound socket does not allow this; the text says which it needs.
    Mode,
    /// A value that was passed in was refused; nothing was sent.
    InvalidArgument,
    /// A bound of the connection's options was reached; nothing was sent.
    LimitExceeded,
    /// The switch sent something that cannot be understood.
    Protocol,
}

impl ErrorKind {
    /// The kind in one word, for labels and logs: `unknown_channel`, `not_answered`, `hung_up`,
    /// `refused`, `timeout`, `disconnected`, `mode`, `invalid_argument`, `limit` or `protocol`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::UnknownChannel => "unknown_channel",
            Self::NotAnswered(_) => "not_answered",
            Self::HungUp(_) => "hung_up",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Disconnected(_) => "disconnected",
            Self::Mode => "mode",
            Self::InvalidArgument => "invalid_argument",
            Self::LimitExceeded => "limit",
            Self::Protocol => "protocol",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            switch_text: None,
            may_still_ring: Vec::new(),
            source: None,
        }))
    }

    pub(crate) fn unknown_channel(uuid: &str) -> Self {
        Self::new(
            ErrorKind::UnknownChannel,
            format!("the switch has no channel {uuid}; it has ended, or never was"),
        )
    }

    pub(crate) fn hung_up(uuid: &str, cause: Option<HangupCause>) -> Self {
        let text = match &cause {
            Some(cause) => format!("channel {uuid} has hung up ({cause})"),
            None => format!(
                "channel {uuid} ended while the connection to the switch was away; the cause is not known"
            ),
        };
        Self::new(ErrorKind::HungUp(cause), text)
    }

    pub(crate) fn not_answered(destination: &str, cause: HangupCause) -> Self {
        let text = format!("{destination} did not answer: {cause}");
        Self::new(ErrorKind::NotAnswered(cause), text)
    }

    pub(crate) fn timeout(what: &str, after: Duration) -> Self {
        Self::new(
            ErrorKind::Timeout,
            format!("{what} did not happen within {after:?}"),
        )
    }

    pub(crate) fn disconnected(outcome: Outcome, reason: &str) -> Self {
        Self::new(ErrorKind::Disconnected(outcome), reason)
    }

    pub(crate) fn not_hung_up(left: Vec<String>) -> Self {
        let text = "the connection was lost for good, or the switch did not answer, before the \
                    call was hung up";
        Self::disconnected(Outcome::Unknown, text).with_may_still_ring(left)
    }

    pub(crate) fn mode(what: &str, needs: &str) -> Self {
        Self::new(
            ErrorKind::Mode,
            format!(
                "{what} needs a `{needs}` outbound socket; write `socket HOST:PORT {needs}` in the dialplan"
            ),
        )
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// What the caller wrote could not be read: nothing of the wire.
    pub(crate) fn of_argument(mut self) -> Self {
        if self.0.kind == ErrorKind::Protocol {
            self.0.kind = ErrorKind::InvalidArgument;
        }
        self
    }

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

    /// The switch's own words, `-ERR …` or `-USAGE …`, if it refused.
    pub fn switch_text(&self) -> Option<&str> {
        self.0.switch_text.as_deref()
    }

    /// The Unique-IDs of legs that may still ring, because the connection was lost for good, or the
    /// switch did not answer, before they could be hung up. They end at the latest at their `originate_timeout`, unless somebody
    /// answers.
    pub fn may_still_ring(&self) -> &[String] {
        &self.0.may_still_ring
    }

    /// The switch has no such channel.
    pub fn is_unknown_channel(&self) -> bool {
        self.0.kind == ErrorKind::UnknownChannel
    }

    /// The originate ended without an answer.
    pub fn is_not_answered(&self) -> bool {
        matches!(self.0.kind, ErrorKind::NotAnswered(_))
    }

    /// The channel hung up.
    pub fn is_hung_up(&self) -> bool {
        matches!(self.0.kind, ErrorKind::HungUp(_))
    }

    /// Why the channel hung up, or the originate was not answered.
    pub fn hangup_cause(&self) -> Option<&HangupCause> {
        match &self.0.kind {
            ErrorKind::NotAnswered(cause) => Some(cause),
            ErrorKind::HungUp(cause) => cause.as_ref(),
            _ => None,
        }
    }

    /// The switch refused the command.
    pub fn is_refused(&self) -> bool {
        self.0.kind == ErrorKind::Refused
    }

    /// The deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }

    /// The connection ended or could not be made.
    pub fn is_disconnected(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Disconnected(_))
    }

    /// The mode of the outbound socket does not allow it.
    pub fn is_mode(&self) -> bool {
        self.0.kind == ErrorKind::Mode
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

impl From<genesis_client::Error> for Error {
    fn from(error: genesis_client::Error) -> Self {
        let kind = match error.kind() {
            ClientKind::Refused => ErrorKind::Refused,
            ClientKind::Timeout => ErrorKind::Timeout,
            ClientKind::Disconnected(outcome) => ErrorKind::Disconnected(*outcome),
            ClientKind::Connect | ClientKind::Authentication | ClientKind::AccessDenied => {
                ErrorKind::Disconnected(Outcome::NotSent)
            }
            ClientKind::HungUp(HangupCause::None) => ErrorKind::HungUp(None),
            ClientKind::HungUp(cause) => ErrorKind::HungUp(Some(cause.clone())),
            ClientKind::Mode => ErrorKind::Mode,
            ClientKind::InvalidArgument => ErrorKind::InvalidArgument,
            ClientKind::LimitExceeded => ErrorKind::LimitExceeded,
            _ => ErrorKind::Protocol,
        };
        let mut own = Self::new(kind, error.to_string());
        own.0.switch_text = error.switch_text().map(str::to_owned);
        own.0.source = Some(Arc::new(error));
        own
    }
}

impl From<genesis_proto::Error> for Error {
    fn from(error: genesis_proto::Error) -> Self {
        genesis_client::Error::from(error).into()
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
