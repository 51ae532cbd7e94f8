//! The span around the handling of an event.

use genesis_proto::Event;
use opentelemetry::Context;
use opentelemetry::trace::{Span as _, SpanBuilder, TraceContextExt};

use super::observers::Switch;
use super::spans::{apply_details, below};
use crate::config::{Subject, Telemetry};
use crate::hooks::Sight;
use crate::vocabulary::spans::PROCESS_EVENT;

/// The context with the span `process_event`, below the span of the event's channel. If the channel
/// has none yet, this is it from now on.
pub(crate) fn process_event(
    telemetry: &Telemetry,
    sight: &Sight,
    switch: Option<&Switch>,
    event: &Event,
) -> Option<Context> {
    if !sight.may_trace() || is_excluded(telemetry, event, event.name().as_str()) {
        return None;
    }
    let channel = switch.and_then(|switch| Some((switch, event.unique_id()?)));
    let known = channel
        .as_ref()
        .map(|(switch, uuid)| switch.state().channels.known(uuid))
        .unwrap_or_default();
    let context = below(known.parent.as_ref());
    if known.is_dropped() {
        return Some(context);
    }
    let builder = SpanBuilder::from_name(PROCESS_EVENT.name).with_kind(PROCESS_EVENT.kind.into());
    let mut span = sight.span(builder, &context)?;
    if let (false, Some((switch, uuid))) = (known.has_root, &channel) {
        let root = span.span_context().clone();
        switch.state().channels.set_root(uuid, root);
    }
    if !span.is_recording() {
        return Some(context.with_span(span));
    }
    span.set_attributes(telemetry.event_attributes(event));
    let subject = Subject::Event {
        span: PROCESS_EVENT.name,
        event,
    };
    apply_details(telemetry, &mut span, subject);
    let context = context.with_span(span);
    telemetry.shared().callbacks.event(&context.span(), event);
    Some(context)
}

/// Whether the event is to become no span.
pub(super) fn is_excluded(telemetry: &Telemetry, event: &Event, name: &str) -> bool {
    let is_custom = name == "CUSTOM";
    let is_named = |subclass: &str| telemetry.excludes_event(subclass);
    telemetry.excludes_event(name)
        || (is_custom && event.subclass().is_some_and(|subclass| is_named(&subclass)))
}
