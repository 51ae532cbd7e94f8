//! The span around the handling of one event.

use std::time::Instant;

use metrics::Histogram;
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

/// One event that is being handled: the span `process_event` and the time it takes. Made by
/// [`Lifecycle::process`](crate::Lifecycle::process); both end when this is dropped.
///
/// Run the handlers with [`context`](Self::context), so that their spans are its children.
#[derive(Debug)]
#[must_use = "the span ends when this is dropped"]
pub struct Processing {
    pub(crate) context: Option<Context>,
    pub(crate) took: Option<(Histogram, Instant)>,
}

impl Processing {
    /// The context for the handlers, for
    /// [`FutureExt::with_context`](opentelemetry::trace::FutureExt::with_context); nothing if there
    /// is no span.
    #[must_use]
    pub fn context(&self) -> Option<&Context> {
        self.context.as_ref()
    }
}

impl Drop for Processing {
    fn drop(&mut self) {
        if let Some((histogram, began)) = self.took.take() {
            histogram.record(began.elapsed());
        }
        // a handler may have kept a clone of the context: the span ends all the same
        if let Some(context) = self.context.take() {
            context.span().end();
        }
    }
}
