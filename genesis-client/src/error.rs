//! The one error type of this crate.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use genesis_proto::session::{CloseReason, Outcome};
use genesis_proto::{HangupCause, Reply};

use crate::outbound::SocketMode;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation did not do what was asked.
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
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection could be made: the address does not answer.
    Connect,
    /// The switch refused the password or the user.
    Authentication,
    /// The switch's access list does not allow our address.
    AccessDenied,
    /// The switch answered `-ERR` or `-USAGE`.
    Refused,
    /// The deadline passed. What was sent may still run; its reply will be thrown away.
    Timeout,
    /// The connection ended. The outcome says whether the command had been sent.
    Disconnected(Outcome),
    /// The channel hung up before the operation was complete.
    HungUp(HangupCause),
    /// The mode of the outbound socket does not allow this (it needs `async`, or `full`).
    Mode,
    /// A value that was passed in was refused; nothing was sent.
    InvalidArgument,
    /// A bound of [`Options`](crate::Options) was reached; nothing was sent.
    LimitExceeded,
    /// The switch sent something that cannot be understood.
    Protocol,
}

impl ErrorKind {
    /// The kind in one word, for labels and logs: `connect`, `authentication`, `access_denied`,
    /// `refused`, `timeout`, `disconnected`, `hung_up`, `mode`, `invalid_argument`, `limit` or
    /// `protocol`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Authentication => "authentication",
            Self::AccessDenied => "access_denied",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Disconnected(_) => "disconnected",
            Self::HungUp(_) => "hung_up",
            Self::Mode => "mode",
            Self::InvalidArgument => "invalid_argument",
            Self::LimitExceeded => "limit",
            Self::Protocol => "protocol",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner {
            kind,
            message,
            switch_text: None,
            source: None,
        }))
    }

    pub(crate) fn connect(address: &str, error: io::Error) -> Self {
        let text = match error.kind() {
            io::ErrorKind::ConnectionRefused => format!(
                "cannot connect to FreeSWITCH at {address}: the connection was refused; is it running, \
                 and does event_socket.conf.xml listen on this address?"
            ),
            _ => format!("cannot connect to FreeSWITCH at {address}: {error}"),
        };
        Self::new(ErrorKind::Connect, text).with_source(error)
    }

    pub(crate) fn with_source(
        mut self,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    pub(crate) fn timeout(what: &str, after: Duration) -> Self {
        Self::new(
            ErrorKind::Timeout,
            format!(
                "{what} got no answer within {after:?}; it may still run, its answer will be dropped"
            ),
        )
    }

    /// How a command ends that the switch refused.
    pub(crate) fn refused(command: &str, reply: &Reply) -> Self {
        let text = reply.text().trim_end().to_owned();
        let mut error = Self::new(
            ErrorKind::Refused,
            format!("FreeSWITCH refused {command}: {text}"),
        );
        error.0.switch_text = Some(text);
        error
    }

    /// A refusal that came as an event (a job's result).
    pub(crate) fn refused_text(command: &str, text: &str) -> Self {
        let text = text.trim_end().to_owned();
        let mut error = Self::new(
            ErrorKind::Refused,
            format!("FreeSWITCH refused {command}: {text}"),
        );
        error.0.switch_text = Some(text);
        error
    }

    /// How a command ends that was outstanding when the connection ended.
    pub(crate) fn disconnected(reason: &CloseReason, outcome: Outcome) -> Self {
        let (kind, text) = match (reason, outcome) {
            (CloseReason::AuthenticationFailed(_), _) => {
                (ErrorKind::Authentication, reason.to_string())
            }
            (CloseReason::AccessDenied(_), _) => (ErrorKind::AccessDenied, reason.to_string()),
            (_, Outcome::NotSent) => (
                ErrorKind::Disconnected(outcome),
                format!("not sent: {reason}"),
            ),
            (_, Outcome::Unknown) => (
                ErrorKind::Disconnected(outcome),
                format!("sent, but whether it ran is unknown: {reason}"),
            ),
        };
        Self::new(kind, text)
    }

    pub(crate) fn link_down() -> Self {
        Self::new(
            ErrorKind::Disconnected(Outcome::NotSent),
            "not sent: the connection is down and being made again; wait with Client::ready",
        )
    }

    pub(crate) fn hung_up(cause: HangupCause, what: &str) -> Self {
        Self::new(
            ErrorKind::HungUp(cause.clone()),
            format!("the channel hung up with {cause} before {what} was complete"),
        )
    }

    /// `needs`: `async`, `full`, or both. What the socket `has` is kept.
    pub(crate) fn mode(what: &str, needs: &str, has: Option<SocketMode>) -> Self {
        let word = |word: &'static str, has: bool| (has || needs.contains(word)).then_some(word);
        let is_async = has.is_some_and(SocketMode::is_async);
        let is_full = has.is_some_and(SocketMode::is_full);
        let words = [word("async", is_async), word("full", is_full)];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        let article = if needs.starts_with("async") {
            "an"
        } else {
            "a"
        };
        Self::new(
            ErrorKind::Mode,
            format!(
                "{what} needs {article} `{needs}` outbound socket; write `socket HOST:PORT {}` in the \
                 dialplan",
                words.join(" ")
            ),
        )
    }

    /// What kind of error this is.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The switch's own words, `-ERR …` or `-USAGE …`, if it refused.
    pub fn switch_text(&self) -> Option<&str> {
        self.0.switch_text.as_deref()
    }

    /// The switch refused the command.
    pub fn is_refused(&self) -> bool {
        self.0.kind == ErrorKind::Refused
    }

    /// The deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == ErrorKind::Timeout
    }

    /// The connection ended, or could not be made, or was refused.
    pub fn is_disconnected(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Disconnected(_)
                | ErrorKind::Connect
                | ErrorKind::Authentication
                | ErrorKind::AccessDenied
                | ErrorKind::Protocol
        )
    }

    /// The switch has certainly not seen the command: sending it again cannot run it twice.
    pub fn is_not_sent(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Disconnected(Outcome::NotSent)
                | ErrorKind::Connect
                | ErrorKind::Authentication
                | ErrorKind::AccessDenied
                | ErrorKind::InvalidArgument
                | ErrorKind::LimitExceeded
                | ErrorKind::Mode
        )
    }

    /// The channel hung up; the cause is in the kind.
    pub fn is_hung_up(&self) -> bool {
        matches!(self.0.kind, ErrorKind::HungUp(_))
    }

    /// Wrong password, wrong user or an address that the access list refuses: trying again alone
    /// does not help.
    pub fn is_refused_connection(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Authentication | ErrorKind::AccessDenied
        )
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

impl From<genesis_proto::Error> for Error {
    fn from(error: genesis_proto::Error) -> Self {
        let kind = match error.kind() {
            genesis_proto::ErrorKind::InvalidArgument => ErrorKind::InvalidArgument,
            genesis_proto::ErrorKind::LimitExceeded => ErrorKind::LimitExceeded,
            genesis_proto::ErrorKind::State => ErrorKind::Disconnected(Outcome::NotSent),
            _ => ErrorKind::Protocol,
        };
        Self::new(kind, error.to_string()).with_source(error)
    }
}
