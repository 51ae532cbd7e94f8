//! One span per channel, if that is wanted: from its creation to its end.

use std::sync::Arc;

use opentelemetry::global::BoxedSpan;
use opentelemetry::trace::{Span as _, SpanBuilder};

use super::Lifecycle;
use super::channels::{Changes, Known};
use super::facts::Facts;
use super::spans::{self, below};
use crate::config::Telemetry;
use crate::vocabulary::spans::FREESWITCH_CHANNEL;

/// The span of a channel that is over, and what it does not show yet.
#[derive(Debug)]
pub(crate) struct Closing {
    span: BoxedSpan,
    call_id: Option<Arc<str>>,
    cause: Option<Box<str>>,
}

impl Closing {
    pub(super) fn new(span: BoxedSpan, call_id: Option<Arc<str>>, cause: Option<Box<str>>) -> Self {
        Self {
            span,
            call_id,
            cause,
        }
    }

    fn end(mut self, telemetry: &Telemetry) {
        let late = [
            ("sip.call_id", self.call_id.as_deref()),
            ("hangup.cause", self.cause.as_deref()),
        ];
        for (name, value) in late {
            if let Some(value) = value {
                self.span.set_attribute(telemetry.attribute(name, value));
            }
        }
        self.span.end();
    }
}

impl Lifecycle {
    /// Begins the span of the channel of this event, below what `known` says. Gives what is known
    /// then.
    pub(super) fn open(&self, facts: &Facts<'_>, mut known: Known) -> Known {
        let (Some(joined), Some(uuid)) = (&self.switch, facts.uuid.as_deref()) else {
            return known;
        };
        let builder = SpanBuilder::from_name(FREESWITCH_CHANNEL.name)
            .with_kind(FREESWITCH_CHANNEL.kind.into());
        let parent = below(known.parent.as_ref());
        let Some(mut span) = self.sight.span(builder, &parent) else {
            return known;
        };
        let root = span.span_context().clone();
        let plan = &self.telemetry.shared().plans.channel;
        if span.is_recording() {
            spans::describe(&self.telemetry, &mut span, plan, facts, &known);
        }
        let refused = joined.switch.state().channels.open(uuid, span, &known);
        // ends without the table being locked
        drop(refused);
        known.parent = Some(root);
        known.has_root = true;
        known
    }

    /// Does what is to be done outside the table.
    pub(super) fn apply(&mut self, changes: Changes) {
        self.step_active(&changes.active);
        for closing in changes.closing {
            closing.end(&self.telemetry);
        }
    }
}
