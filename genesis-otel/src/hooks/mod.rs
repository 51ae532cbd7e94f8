//! What genesis-client calls. The same names and signatures as its do-nothing half.
//!
//! Nothing here can fail, wait or repeat an operation. A panic in a hook of the application is
//! caught. With no provider and no recorder installed each call is one branch.

mod connection;
mod end;
mod level;
mod operation;
mod own;
mod place;
mod processing;
mod reader;
mod sight;

use std::future::Future;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

pub use connection::Connection;
pub(crate) use end::{Failure, tell_error};
pub use level::Level;
pub use operation::Operation;
pub use own::Attribute;
pub use processing::Processing;
pub use reader::{Reader, Routed};
pub(crate) use sight::Sight;

pub use crate::config::Telemetry;
pub use crate::lifecycle::{Ends, Listed};

/// The span that is current at one place, for what is done at another, in a task or thread of its own
/// for instance. Only the span's ids are kept: the span ends when it ends.
#[derive(Clone, Debug, Default)]
pub struct Carrier(Option<Context>);

/// The span that is current now.
pub fn carrier() -> Carrier {
    let current = Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| span.clone())
    });
    Carrier(current.map(|span| Context::new().with_remote_span_context(span)))
}

impl Carrier {
    /// There is no span.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Runs `future` so that what is observed in it is a child of the span.
    pub fn run<F: Future>(self, future: F) -> impl Future<Output = F::Output> + use<F> {
        operation::within(self.0, future)
    }
}

/// Runs `future`, in a task of its own for instance, so that what is observed in it is a child of
/// the span that is current now. Only the span's ids are kept: the span ends when it ends.
pub fn carried<F: Future>(future: F) -> impl Future<Output = F::Output> + use<F> {
    carrier().run(future)
}

#[cfg(test)]
mod tests;
