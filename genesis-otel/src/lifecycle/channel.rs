//! What is remembered of one channel.

use std::sync::Arc;

use genesis_proto::name::ChannelState;
use opentelemetry::global::BoxedSpan;
use opentelemetry::trace::SpanContext;

use super::channels::{MAX_UUID, Update};
use super::facts::Facts;
use super::opened::Closing;
use crate::traceparent;
use crate::vocabulary::values::Slot;

/// Longer texts are no Call-ID, no name of a channel and no hangup cause.
const MAX_TEXT: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Channel {
    pub(super) order: u64,
    call_id: Option<Arc<str>>,
    name: Option<Arc<str>>,
    /// From its variable, or from who called it.
    pub(super) traceparent: Option<SpanContext>,
    /// Its variables were shown, if it has any: before CHANNEL_CREATE none are.
    pub(super) settled: bool,
    /// The leg that made this one.
    pub(super) originator: Option<Box<str>>,
    /// Its first span: the parent of the others.
    pub(super) root: Option<SpanContext>,
    /// Microseconds since 1970.
    pub(super) created: Option<u64>,
    /// The direction under which it counts as active.
    pub(super) active: Option<Slot>,
    /// Who was the last to be told of its end, and has lost the link: it may have ended since.
    pub(super) doubt: Option<u64>,
    /// It is known from a list of the switch alone.
    pub(super) is_only_listed: bool,
    pub(super) ended: bool,
    /// In microseconds of the switch.
    pub(super) ended_at: Option<u64>,
    /// Its HANGUP_COMPLETE has come: when, in microseconds of the switch.
    pub(super) complete: Option<u64>,
    /// The span of its own, while it is open.
    span: Option<BoxedSpan>,
    /// That one is begun once.
    pub(super) has_had_span: bool,
    /// An event that shows the channel has described the span.
    pub(super) is_described: bool,
    /// The span shows the Call-ID.
    shows_call_id: bool,
    cause: Option<Box<str>>,
}

/// What is known of the channel of an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) call_id: Option<Arc<str>>,
    pub(crate) name: Option<Arc<str>>,
    /// The parent of the span that is to be made.
    pub(crate) parent: Option<SpanContext>,
    /// The channel has had a span.
    pub(crate) has_root: bool,
}

impl Known {
    /// Whether it was decided with the channel's first span that its trace is not sampled: there is
    /// no use in making further spans.
    pub(crate) fn is_dropped(&self) -> bool {
        let root = self.parent.as_ref().filter(|_| self.has_root);
        root.is_some_and(|root| !root.is_sampled())
    }
}

impl Channel {
    pub(super) fn new(order: u64) -> Self {
        Self {
            order,
            ..Self::default()
        }
    }

    /// As [`Known::is_dropped`].
    pub(super) fn is_dropped(&self) -> bool {
        self.root.as_ref().is_some_and(|root| !root.is_sampled())
    }

    /// Whether it is counted as active, or no longer.
    pub(super) fn is_counted(&self) -> bool {
        let is_counted = self.ended || self.active.is_some();
        is_counted && self.created.is_some() && self.doubt.is_none()
    }

    /// `origin` gives the span of the leg that originated it.
    pub(super) fn known(&self, origin: impl FnOnce(&str) -> Option<SpanContext>) -> Known {
        let origin = || origin(self.originator.as_deref()?);
        Known {
            call_id: self.call_id.clone(),
            name: self.name.clone(),
            parent: self
                .root
                .clone()
                .or_else(|| self.traceparent.clone())
                .or_else(origin),
            has_root: self.root.is_some(),
        }
    }

    /// All that is asked of a channel that has no spans.
    pub(super) fn as_dropped(&self) -> Known {
        Known {
            parent: self.root.clone(),
            has_root: true,
            ..Known::default()
        }
    }

    pub(super) fn learn(&mut self, facts: &Facts<'_>) {
        if self.call_id.is_none() {
            self.call_id = short(facts.call_id().as_deref());
        }
        if self.name.is_none() {
            self.name = short(facts.channel_name().as_deref());
        }
        if self.traceparent.is_none() && !self.settled {
            self.traceparent = facts.traceparent().as_deref().and_then(traceparent::parse);
        }
        if self.originator.is_none() && facts.other_type().as_deref() == Some("originator") {
            let other = facts.other_leg();
            let other = other.as_deref().filter(|uuid| uuid.len() <= MAX_UUID);
            self.originator = other.map(Box::from);
        }
        self.settled |= !is_early(facts) || self.traceparent.is_some();
    }

    /// Its end: no longer active.
    pub(super) fn end(&mut self, facts: &Facts<'_>, update: &mut Update) {
        self.ended = true;
        self.ended_at = facts.timestamp();
        self.doubt = None;
        update.ended = true;
        if let Some(direction) = self.active.take() {
            update.changes.active.push((direction, -1.0));
        }
        if self.span.is_some() {
            self.cause = short(facts.cause().as_deref());
        }
        let end = facts.time("Caller-Channel-Hangup-Time").or(self.ended_at);
        if let (Some(created), Some(end)) = (self.created, end) {
            // the clock of the switch may have been set back meanwhile
            let micros = end.saturating_sub(created);
            update.duration = Some(micros as f64 / 1e6);
        }
    }

    /// Whether an event is of another channel, with the UUID of this one, which has ended. An event
    /// of this one that comes late was made before the end.
    pub(super) fn is_followed_by(&self, facts: &Facts<'_>) -> bool {
        self.ended
            && match facts.timestamp().zip(self.ended_at) {
                Some((made, ended)) => made > ended,
                None => self.complete.is_some(),
            }
    }

    /// Whether it has to be given up when nobody is told of its end any more.
    pub(super) fn is_open(&self) -> bool {
        self.active.is_some() || self.span.is_some()
    }

    pub(super) fn has_span(&self) -> bool {
        self.span.is_some()
    }

    /// Keeps the span of its own.
    pub(super) fn open(&mut self, span: BoxedSpan, shows_call_id: bool) {
        self.shows_call_id = shows_call_id;
        self.span = Some(span);
    }

    /// Gives the span of its own out, to be given back.
    pub(super) fn take_span(&mut self) -> Option<BoxedSpan> {
        self.span.take()
    }

    /// Gives up the span of its own.
    pub(super) fn close(&mut self, uuid: &str) -> Option<Closing> {
        let span = self.span.take()?;
        let call_id = self.call_id.clone().filter(|_| !self.shows_call_id);
        let cause = self.cause.take();
        Some(Closing::new(span, uuid, call_id, cause))
    }
}

fn short<T: for<'a> From<&'a str>>(text: Option<&str>) -> Option<T> {
    text.filter(|text| text.len() <= MAX_TEXT).map(T::from)
}

/// When a channel was made, in microseconds since 1970.
pub(super) fn created(facts: &Facts<'_>) -> Option<u64> {
    let created = facts.time("Caller-Channel-Created-Time");
    created.or_else(|| facts.timestamp().filter(|_| facts.name == "CHANNEL_CREATE"))
}

pub(super) fn is_end(name: &str) -> bool {
    matches!(
        name,
        "CHANNEL_HANGUP" | "CHANNEL_HANGUP_COMPLETE" | "CHANNEL_DESTROY"
    )
}

/// Whether an event comes before the variables of its channel are shown.
fn is_early(facts: &Facts<'_>) -> bool {
    let names = ["CHANNEL_OUTGOING", "CHANNEL_STATE", "CHANNEL_CALLSTATE"];
    names.contains(&&*facts.name) && !is_alive(facts)
}

/// Whether an event tells of a channel, and not of something else that has a `unique-id`: modules
/// put the names of their rooms there, and of those no end is ever told.
pub(super) fn is_of_channel(name: &str) -> bool {
    name.starts_with("CHANNEL_") || matches!(name, "CALL_UPDATE" | "CODEC" | "DTMF")
}

/// Whether an event shows a call that is under way: its creation was missed.
pub(super) fn is_alive(facts: &Facts<'_>) -> bool {
    if !is_of_channel(&facts.name) {
        return false;
    }
    let state = facts.channel_state().as_deref().map(ChannelState::from);
    let state =
        state.is_some_and(|state| state >= ChannelState::Routing && state < ChannelState::Hangup);
    state && facts.answer_state().as_deref() != Some("hangup")
}
