//! [`Error`]: why an application cannot be loaded or run.

use std::fmt;
use std::path::{Path, PathBuf};

use genesis_client::observe::HandlerError;

use crate::state::{Trouble, place_of};

/// The result of what this crate does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an application cannot be loaded or run. Its text has the full path and the line where there is
/// one.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    traceback: String,
    place: Option<(PathBuf, u32)>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such file or folder, or it cannot be read.
    NotFound,
    /// It is no Lua: a `.py` file, for instance.
    NotLua,
    /// A syntax error.
    Syntax,
    /// The file runs and defines nothing.
    NothingDefined,
    /// The application is of another kind than what it is run as.
    WrongKind,
    /// An error while the file ran.
    Script,
    /// The application is larger than it may be.
    LimitExceeded,
    /// The connection refused or ended.
    Connection,
    /// The threads could not be started, or have ended.
    Runtime,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner {
            kind,
            place: place_of(&message),
            message,
            traceback: String::new(),
            source: None,
        }))
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn script(trouble: Trouble) -> Self {
        let mut error = Self::new(ErrorKind::Script, trouble.message);
        error.0.traceback = trouble.traceback;
        error
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The lines of the script's stack, from the innermost; empty if there is none.
    pub fn traceback(&self) -> &str {
        &self.0.traceback
    }

    /// The file and the line, from 1.
    pub fn place(&self) -> Option<(&Path, u32)> {
        let place = self.0.place.as_ref();
        place.map(|(path, line)| (&**path, *line))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_deref();
        source.map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<genesis_client::Error> for Error {
    fn from(error: genesis_client::Error) -> Self {
        Self::new(ErrorKind::Connection, error.to_string()).with_source(error)
    }
}

/// An error of a handler, as genesis-client's consumer is told of it.
pub(crate) fn handler_error(trouble: Trouble) -> HandlerError {
    HandlerError::new("script", trouble.message).with_stack(trouble.traceback)
}
