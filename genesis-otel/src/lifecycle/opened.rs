//! One span per channel, if that is wanted: from its creation to its end.

use std::sync::Arc;

use opentelemetry::global::BoxedSpan;
use opentelemetry::trace::{Span as _, SpanBuilder};

use super::Lifecycle;
use super::channels::{Changes, Known, Update};
use super::facts::Facts;
use super::spans::{self, below};
use crate::config::Telemetry;
use crate::vocabulary::spans::FREESWITCH_CHANNEL;

/// The span of a channel that is over, and what it does not show yet.
#[derive(Debug)]
pub(crate) struct Closing {
    span: BoxedSpan,
    /// The last one that the channel had.
    uuid: Box<str>,
    call_id: Option<Arc<str>>,
    cause: Option<Box<str>>,
}

impl Closing {
    pub(super) fn new(
        span: BoxedSpan,
        uuid: &str,
        call_id: Option<Arc<str>>,
        cause: Option<Box<str>>,
    ) -> Self {
        Self {
            span,
            uuid: uuid.into(),
            call_id,
            cause,
        }
    }

    fn end(mut self, telemetry: &Telemetry) {
        let late = [
            ("channel.uuid", Some(&*self.uuid)),
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
    /// Begins the span of the channel of this event, below what `known` says, or describes it.
    /// Nothing of that is done with the table locked. Gives what is known then.
    pub(super) fn open(&self, facts: &Facts<'_>, update: &Update, mut known: Known) -> Known {
        let (Some(joined), Some(uuid)) = (&self.switch, facts.uuid.as_deref()) else {
            return known;
        };
        let span = if update.opens {
            let builder = SpanBuilder::from_name(FREESWITCH_CHANNEL.name)
                .with_kind(FREESWITCH_CHANNEL.kind.into());
            let parent = below(known.parent.as_ref());
            self.sight.span(builder, &parent)
        } else {
            joined.switch.state().channels.take_span(uuid)
        };
        let Some(mut span) = span else {
            return known;
        };
        let root = span.span_context().clone();
        if update.describes && span.is_recording() {
            let plan = &self.telemetry.shared().plans.channel;
            spans::describe(&self.telemetry, &mut span, plan, facts, &known);
        }
        let shows_call_id = update.describes && known.call_id.is_some();
        let refused = (joined.switch.state().channels).open(uuid, span, shows_call_id);
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
