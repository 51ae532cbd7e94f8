//! The channel of an outbound session: its connection's span and its events are in one trace.

use std::sync::Arc;

use genesis_proto::Event;
use opentelemetry::trace::SpanContext;

use super::channels::MAX_UUID;
use super::observers::Switch;
use crate::config::Shared;
use crate::traceparent;

/// What the span that handles a channel is below, as far as anybody knows: what events of the channel
/// have fixed, else its own variable, else the leg that originated it.
pub(crate) fn parent_of_handling(shared: &Shared, channel_data: &Event) -> Option<SpanContext> {
    let switch = switch_of(shared, channel_data);
    let parent_of = |uuid: &str| switch.as_ref()?.state().channels.known(uuid).parent;
    let own = || parent_of(&channel_data.unique_id()?);
    let named = || traceparent::parse(&channel_data.get("variable_traceparent")?);
    let originator = || {
        let other_type = channel_data.get("Other-Type")?;
        let other = channel_data.get("Other-Leg-Unique-ID")?;
        (other_type == "originator").then(|| parent_of(&other))?
    };
    own().or_else(named).or_else(originator)
}

/// A channel is handled in this span: unless its trace is fixed, what comes of its events is below.
pub(crate) fn handled_in(shared: &Shared, channel_data: &Event, span: SpanContext) {
    let uuid = channel_data.unique_id().unwrap_or_default();
    if uuid.is_empty() || uuid.len() > MAX_UUID {
        return;
    }
    let left = match switch_of(shared, channel_data) {
        Some(switch) => switch.state().channels.handle(&uuid, span),
        None => Some(span),
    };
    // nothing was told of it so far
    if let Some(span) = left {
        shared.expected.put(&uuid, span);
    }
}

fn switch_of(shared: &Shared, channel_data: &Event) -> Option<Arc<Switch>> {
    shared.observers.find(&channel_data.get("Core-UUID")?)
}
