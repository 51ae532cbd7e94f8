//! The seam for telemetry: the only place in the workspace with `cfg(feature = "otel")`.
//!
//! Without the feature everything here is zero-sized and does nothing. With it the same names come
//! from genesis-otel.

#[cfg(not(feature = "otel"))]
mod off;

#[cfg(feature = "otel")]
pub use genesis_otel::hooks::*;
#[cfg(not(feature = "otel"))]
pub use off::*;

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
