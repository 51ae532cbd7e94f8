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
