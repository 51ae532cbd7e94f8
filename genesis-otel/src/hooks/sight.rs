//! Who listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use opentelemetry::Context;
use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::trace::{Span as _, SpanBuilder, SpanContext, TraceContextExt, Tracer};

use crate::config::Telemetry;
use crate::metering::Meters;

const UNKNOWN: u8 = 0;
const THERE: u8 = 1;
const NOBODY: u8 = 2;

/// The provider and the recorder that were there at one moment. A tracer or a handle that was made
/// before there was a provider or a recorder stays dead for ever, so connections look again.
pub(crate) struct Sight {
    tracer: BoxedTracer,
    /// Whether there is a provider: the first span shows it.
    provider: AtomicU8,
    pub(crate) meters: Option<Arc<Meters>>,
}

impl Sight {
    pub(crate) fn look(telemetry: &Telemetry) -> Arc<Self> {
        Arc::new(Self {
            tracer: telemetry.tracer(),
            provider: AtomicU8::new(UNKNOWN),
            meters: Meters::new(telemetry).map(Arc::new),
        })
    }

    /// Looks again for what is missing.
    pub(super) fn look_again(&self, telemetry: &Telemetry) -> Arc<Self> {
        let meters = self.meters.clone();
        Arc::new(Self {
            tracer: telemetry.tracer(),
            provider: AtomicU8::new(UNKNOWN),
            meters: meters.or_else(|| Meters::new(telemetry).map(Arc::new)),
        })
    }

    /// Whether spans are worth trying.
    pub(crate) fn may_trace(&self) -> bool {
        self.provider.load(Ordering::Relaxed) != NOBODY
    }

    /// Whether anybody listens, as far as is known.
    pub(crate) fn is_active(&self) -> bool {
        self.may_trace() || self.meters.is_some()
    }

    /// Makes a span below what `parent` holds; nothing if there is no provider.
    pub(crate) fn span(&self, builder: SpanBuilder, parent: &Context) -> Option<BoxedSpan> {
        if !self.may_trace() {
            return None;
        }
        let span = self.tracer.build_with_context(builder, parent);
        let is_real = is_real(span.span_context(), parent.span().span_context());
        if is_real {
            self.provider.store(THERE, Ordering::Relaxed);
        } else if !parent.is_telemetry_suppressed() {
            // what has made spans goes on: one provider never becomes none
            let unknown = (UNKNOWN, NOBODY);
            let (order, failed) = (Ordering::Relaxed, Ordering::Relaxed);
            let _ = (self.provider).compare_exchange(unknown.0, unknown.1, order, failed);
        }
        is_real.then_some(span)
    }
}

/// Whether somebody made this span: without a provider it is empty, or its parent's double.
fn is_real(span: &SpanContext, parent: &SpanContext) -> bool {
    span.is_valid() && parent.span_id() != span.span_id()
}
