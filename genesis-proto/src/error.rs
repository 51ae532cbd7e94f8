//! The one error type of this crate.

use std::fmt;

/// Why something could not be read, built or continued.
///
/// Opaque: ask [`kind`](Error::kind) or the predicates. The text says what happened, where in the
/// stream if that is known, and what to do.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: Box<str>,
    offset: Option<u64>,
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value that was passed in cannot be put on the wire; nothing was built.
    InvalidArgument,
    /// Bytes from the wire, or a text to parse, are not what they should be.
    Malformed,
    /// A configured bound of [`Limits`](crate::Limits) would be exceeded.
    LimitExceeded,
    /// The call does not fit the state of the session (for instance a command after the end).
    State,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>, offset: Option<u64>) -> Self {
        Self {
            kind,
            message: message.into().into_boxed_str(),
            offset,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message, None)
    }

    pub(crate) fn parse(message: impl Into<String>, offset: usize) -> Self {
        Self::new(ErrorKind::Malformed, message, Some(offset as u64))
    }

    pub(crate) fn malformed(message: impl Into<String>, offset: u64) -> Self {
        Self::new(ErrorKind::Malformed, message, Some(offset))
    }

    pub(crate) fn limit(message: impl Into<String>, offset: u64) -> Self {
        Self::new(ErrorKind::LimitExceeded, message, Some(offset))
    }

    pub(crate) fn state(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::State, message, None)
    }

    /// Adds the place if it is not known yet.
    pub(crate) fn placed_at(mut self, offset: u64) -> Self {
        self.offset.get_or_insert(offset);
        self
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The byte offset at which it happened: in the stream for framing, in the text for a parser.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    /// A configured limit was exceeded.
    pub fn is_limit(&self) -> bool {
        self.kind == ErrorKind::LimitExceeded
    }

    /// A value that was passed in was refused.
    pub fn is_invalid_argument(&self) -> bool {
        self.kind == ErrorKind::InvalidArgument
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.offset {
            Some(offset) => write!(f, " (at byte {offset})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.kind)
    }
}

impl std::error::Error for Error {}
