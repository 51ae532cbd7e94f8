//! The span around the handling of an event.

use std::borrow::Cow;

use genesis_proto::Event;
use opentelemetry::Context;
use opentelemetry::trace::{Span as _, SpanBuilder, TraceContextExt};

use super::Last;
use super::observers::Switch;
use super::plan::Kind;
use super::spans::{apply_details, below};
use crate::config::{Subject, Telemetry};
use crate::hooks::Sight;
use crate::vocabulary::spans::PROCESS_EVENT;

/// The context with the span `process_event`, below the span of the event's channel. If the channel
/// has none yet, this is it from now on. For an excluded event the context of the channel alone: what
/// its handlers do is in the channel's trace.
pub(crate) fn process_event(
    telemetry: &Telemetry,
    sight: &Sight,
    switch: Option<&Switch>,
    event: &Event,
    read: &Last,
) -> Option<Context> {
    if !sight.may_trace() {
        return None;
    }
    let channel = switch.filter(|_| !read.uuid.is_empty());
    let known = channel
        .map(|switch| switch.state().channels.known(&read.uuid))
        .unwrap_or_default();
    if read.excluded {
        return known.parent.map(|parent| below(Some(&parent)));
    }
    let context = below(known.parent.as_ref());
    // what handlers do is in the same trace, that is: dropped as well
    if known.is_dropped() {
        return Some(context);
    }
    let builder = SpanBuilder::from_name(PROCESS_EVENT.name).with_kind(PROCESS_EVENT.kind.into());
    let mut span = sight.span(builder, &context)?;
    if let (false, Some(switch)) = (known.has_root, channel) {
        let root = span.span_context().clone();
        switch.state().channels.set_root(&read.uuid, root);
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

/// What the handling of an event needs to know of it, if somebody else has taken it in.
pub(crate) fn read_for_processing(telemetry: &Telemetry, event: &Event) -> Last {
    let route = event.route();
    let sets = &telemetry.shared().sets;
    let mut read = Last {
        kind: Kind {
            name: sets.events.slot(&route.name),
            subclass: sets.subclasses.optional(route.subclass.as_deref()),
        },
        excluded: telemetry.excludes_event(&route.name),
        uuid: route.unique_id.map_or_else(String::new, Cow::into_owned),
        ..Last::default()
    };
    if route.name == "CUSTOM" {
        let subclass = route.subclass.as_deref();
        read.excluded |= subclass.is_some_and(|subclass| telemetry.excludes_event(subclass));
    }
    read
}
