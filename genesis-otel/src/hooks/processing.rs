//! One event being handled.

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use metrics::Histogram;
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

use super::operation::{inside, within};
use super::sight::Sight;
use crate::metering::Labels;
use crate::vocabulary::metrics::EVENT_PROCESSING_DURATION_SECONDS;
use crate::vocabulary::values::Slot;

/// One event being handled, from its first handler to its last: the span `process_event` and the
/// time it takes. Both end when this is dropped.
#[derive(Default)]
#[must_use = "the handling ends when this is dropped"]
pub struct Processing {
    context: Option<Context>,
    took: Option<(Histogram, Instant)>,
    failed: AtomicBool,
}

impl Processing {
    pub(crate) fn new(context: Option<Context>, took: Option<(Histogram, Instant)>) -> Self {
        Self {
            context,
            took,
            failed: AtomicBool::new(false),
        }
    }

    /// Begins to measure, if there is a recorder.
    pub(super) fn clock(sight: &Sight, name: Option<Slot>) -> Option<(Histogram, Instant)> {
        let meters = sight.meters.as_ref()?;
        let metric = &EVENT_PROCESSING_DURATION_SECONDS;
        let histogram = meters.histogram(metric, &Labels::of(metric, |_| name));
        Some((histogram, Instant::now()))
    }

    /// Runs a handler so that what is observed in it nests below the event.
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        within(self.context.clone(), future)
    }

    /// Calls `work` with the span of the event as the current one: for log lines.
    pub fn inside<T>(&self, work: impl FnOnce() -> T) -> T {
        inside(self.context.clone(), work)
    }

    /// Whether a handler of it fails for the first time.
    pub(super) fn fails(&self) -> bool {
        !self.failed.swap(true, Ordering::Relaxed)
    }

    /// The context for handlers, if there is a span.
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

impl fmt::Debug for Processing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processing")
            .field("span", &self.context.is_some())
            .finish()
    }
}

// nothing of it is left half done by a panic
impl UnwindSafe for Processing {}
impl RefUnwindSafe for Processing {}
