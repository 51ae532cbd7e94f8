//! Spans that are nothing but their ids.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, Status, TraceContextExt as _, TraceFlags, TraceState, Tracer,
    TracerProvider,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};

/// A provider for processes that export no spans: log lines and channels get trace and span ids,
/// and nothing is recorded.
///
/// The sampler AlwaysOff of the SDK would give ids as well, but mark them as not sampled, and every
/// other process that sees the calls would drop them too.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids(Arc<RandomIdGenerator>);

impl TracerProvider for Ids {
    type Tracer = Self;

    fn tracer_with_scope(&self, _: InstrumentationScope) -> Self {
        self.clone()
    }
}

impl Tracer for Ids {
    type Span = Id;

    fn build_with_context(&self, _: SpanBuilder, parent: &Context) -> Id {
        let parent = parent.span();
        let parent = parent.span_context();
        let (trace, flags) = match parent.is_valid() {
            true => (parent.trace_id(), parent.trace_flags()),
            false => (self.0.new_trace_id(), TraceFlags::SAMPLED),
        };
        Id(SpanContext::new(
            trace,
            self.0.new_span_id(),
            flags,
            false,
            TraceState::NONE,
        ))
    }
}

/// A span of which nothing is kept.
#[derive(Debug)]
pub(super) struct Id(SpanContext);

impl Span for Id {
    fn span_context(&self) -> &SpanContext {
        &self.0
    }

    fn is_recording(&self) -> bool {
        false
    }

    fn add_event_with_timestamp<T>(&mut self, _: T, _: SystemTime, _: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
    }

    fn set_attribute(&mut self, _: KeyValue) {}

    fn set_status(&mut self, _: Status) {}

    fn update_name<T>(&mut self, _: T)
    where
        T: Into<Cow<'static, str>>,
    {
    }

    fn add_link(&mut self, _: SpanContext, _: Vec<KeyValue>) {}

    fn end_with_timestamp(&mut self, _: SystemTime) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_in_the_trace_of_its_parent_and_nothing_records() {
        let ids = Ids::default();
        let root = ids.start("root");
        assert!(root.span_context().is_valid() && root.span_context().is_sampled());
        assert!(!root.is_recording());
        let above = Context::new().with_span(root);
        let child = ids.start_with_context("child", &above);
        let (above, below) = (above.span().span_context().clone(), child.span_context());
        assert_eq!(below.trace_id(), above.trace_id());
        assert_ne!(below.span_id(), above.span_id());
        assert_ne!(ids.start("other").0.trace_id(), above.trace_id());
    }

    #[test]
    fn who_is_not_sampled_stays_so() {
        let parent = SpanContext::new(
            1.into(),
            2.into(),
            TraceFlags::NOT_SAMPLED,
            true,
            TraceState::NONE,
        );
        let above = Context::new().with_remote_span_context(parent);
        let child = Ids::default().start_with_context("child", &above);
        assert_eq!(child.span_context().trace_id(), 1.into());
        assert!(!child.span_context().is_sampled());
    }
}
