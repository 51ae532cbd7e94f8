//! The seam for telemetry: the only place in the workspace with `cfg(feature = "otel")`.
//!
//! Without the feature everything here is zero-sized and does nothing. With it the same names come
//! from genesis-otel.

use std::fmt;

#[cfg(not(feature = "otel"))]
mod off;

#[cfg(feature = "otel")]
pub use genesis_otel::hooks::*;
#[cfg(not(feature = "otel"))]
pub use off::*;

/// An error of a handler that says what telemetry tells of it, instead of the kind `error`: for
/// handlers that are not written in Rust.
///
/// ```
/// use genesis_client::observe::HandlerError;
///
/// let error = HandlerError::new("script", "/srv/ivr.lua:7: attempt to call a nil value");
/// let error = error.with_stack("/srv/ivr.lua:7: in function 'menu'");
/// assert_eq!(error.to_string(), "/srv/ivr.lua:7: attempt to call a nil value");
/// ```
#[derive(Clone, Debug)]
pub struct HandlerError {
    kind: &'static str,
    message: String,
    stack: String,
}

impl HandlerError {
    /// An error of this kind, one of a closed set of words, with what happened.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            stack: String::new(),
        }
    }

    /// With the lines of the stack, from the innermost.
    #[must_use]
    pub fn with_stack(mut self, stack: impl Into<String>) -> Self {
        self.stack = stack.into();
        self
    }

    /// What `error.type` says, on the span and in the metrics.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The lines of the stack, from the innermost; may be empty.
    pub fn stack(&self) -> &str {
        &self.stack
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HandlerError {}

/// An operation that has done what was asked, and may be followed to a later end. Dropping this ends
/// it as succeeded.
#[derive(Debug)]
pub struct Done {
    operation: Option<Operation>,
    follows: Option<&'static str>,
}

impl Done {
    /// It is done so far. The attribute `follows` will say whether it was followed on.
    pub fn new(operation: Operation, follows: Option<&'static str>) -> Self {
        Self {
            operation: Some(operation),
            follows,
        }
    }

    /// Follows it on.
    pub fn follow(mut self) -> Option<Operation> {
        let operation = self.operation.take()?;
        if let Some(attribute) = self.follows {
            operation.flag(attribute, true);
        }
        Some(operation)
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        if let Some(operation) = self.operation.take() {
            if let Some(attribute) = self.follows {
                operation.flag(attribute, false);
            }
            operation.succeeded();
        }
    }
}
