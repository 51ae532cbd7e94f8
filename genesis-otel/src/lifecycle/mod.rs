//! What the events of a connection mean: `freeswitch.*` spans, and the metrics that events feed.

mod batch;
mod channel;
mod channels;
mod counting;
mod expected;
mod facts;
mod gone;
mod handled;
mod hearing;
mod links;
mod listed;
mod observers;
mod opened;
mod plan;
mod process;
mod settled;
mod spans;

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use genesis_proto::Event;
use genesis_proto::event::Route;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};

use batch::Batch;
use channels::{For, Known, Update, changes};
pub(crate) use expected::Expected;
use facts::Facts;
pub(crate) use handled::{handled_in, parent_of_handling};
pub use hearing::Ends;
pub use listed::Listed;
pub(crate) use observers::{Observers, Switch};
use plan::Kind;
pub(crate) use plan::Plans;
pub(crate) use process::{process_event, read_for_processing};
use settled::Settled;
pub(crate) use spans::below;

use crate::config::Telemetry;
use crate::hooks::{Processing, Sight};
use crate::metering::Meter;
use crate::vocabulary::values::Slot;

/// The events of one connection as spans and metrics.
///
/// Give it every event that the connection delivers, in order. It looks for a tracer provider and
/// a recorder once, when it is made: make one per connection, so that what is installed late is
/// used by the next. With nothing installed an event costs one branch and no allocation.
///
/// What is remembered of a channel (its Call-ID, its name, its trace, whether it counts as active)
/// is bounded by [`max_channels`](crate::TelemetryBuilder::max_channels) and shared by all
/// connections to a switch whose telemetry are clones of one [`Telemetry`]: an event that several
/// of them deliver becomes one span and is counted once by the metrics about calls.
///
/// # Calls that are active
///
/// A channel counts in `genesis_calls_active`, and has a span of its own
/// ([`channel_spans`](crate::TelemetryBuilder::channel_spans)), only as long as a connection to its
/// switch is told of its end: else nobody would ever take it back. [`new`](Self::new) takes it that
/// every end is among the events; [`hears`](Self::hears) says otherwise. A channel whose last such
/// connection goes is taken back at once.
///
/// # One call, one trace
///
/// The trace of a channel is fixed with its first span: by the channel variable
/// [`traceparent`](crate::traceparent), else it is the trace of the leg that originated it, else a
/// new one. That first span is the parent of the others. Channels that meet later, by a bridge or a
/// transfer, get links to each other.
///
/// ```
/// use genesis_otel::{Lifecycle, Telemetry};
/// use genesis_proto::{Event, EventName};
///
/// let mut lifecycle = Lifecycle::new(&Telemetry::default());
/// let event = Event::builder(EventName::ChannelCreate).header("Unique-ID", "7f4d")?.build();
/// lifecycle.on_event(&event);
/// # Ok::<(), genesis_proto::Error>(())
/// ```
pub struct Lifecycle {
    telemetry: Telemetry,
    /// Who listens to spans.
    sight: Arc<Sight>,
    meter: Option<Meter>,
    switch: Option<Joined>,
    /// The channels whose ends are among the events.
    ends: Ends,
    /// Another switch may be at the other end.
    look_again: bool,
    /// It is, and nobody has asked yet.
    has_joined: bool,
    /// What was read of the event that was taken in last.
    last: Last,
    /// The channel of an event before.
    settled: Settled,
    /// What was read together.
    batch: Batch,
    /// The smallest difference between our clock and the switch's that was seen, in microseconds.
    skew: Option<i128>,
}

/// What the handling of an event needs to know of it.
pub(crate) struct Last {
    pub(crate) kind: Kind,
    pub(crate) excluded: bool,
    /// It changes what is remembered of its channel.
    changes: bool,
    /// Empty if the event is of no channel.
    pub(crate) uuid: String,
    /// It was decided before that the channel's trace is not sampled.
    pub(crate) dropped: bool,
}

struct Joined {
    core: Box<str>,
    switch: Arc<Switch>,
    /// Ours, among the connections to this switch.
    number: u64,
    /// The channels up to this number were known before the link was lost.
    known_before: u64,
    /// It was told of ends before the link was lost.
    was_told: bool,
}

impl Lifecycle {
    /// For a new connection that is sent every event.
    #[must_use]
    pub fn new(telemetry: &Telemetry) -> Self {
        let mut lifecycle = Self::with(telemetry, Sight::look(telemetry));
        lifecycle.ends = Ends::All;
        lifecycle
    }

    pub(crate) fn with(telemetry: &Telemetry, sight: Arc<Sight>) -> Self {
        Self {
            telemetry: telemetry.clone(),
            sight,
            meter: Meter::new(telemetry),
            switch: None,
            ends: Ends::default(),
            look_again: false,
            has_joined: false,
            last: Last::default(),
            settled: Settled::default(),
            batch: Batch::default(),
            skew: None,
        }
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.sight.may_trace() || self.meter.is_some()
    }

    /// Takes an event in.
    pub fn on_event(&mut self, event: &Event) {
        if self.is_active() {
            // only the lag is measured by it
            let now = self
                .meter
                .as_ref()
                .map_or(UNIX_EPOCH, |_| SystemTime::now());
            self.on_event_at(event, now);
        }
    }

    /// Takes an event in that was read at `now`.
    pub fn on_event_at(&mut self, event: &Event, now: SystemTime) {
        if !self.is_active() {
            return;
        }
        let route = event.route();
        let facts = Facts::new(event, &route);
        self.measure_lag(&facts, now);
        self.take(&facts);
        self.flush();
    }

    /// Takes an event in that others may have been read with: for all of them the clock is looked at
    /// once, and the recorder is told once, by [`flush`](Self::flush).
    pub(crate) fn on_routed(&mut self, event: &Event, route: &Route<'_>) {
        if !self.is_active() {
            return;
        }
        let facts = Facts::new(event, route);
        if self.meter.is_some() && self.batch.begin() {
            self.measure_lag(&facts, SystemTime::now());
        }
        self.take(&facts);
    }

    fn take(&mut self, facts: &Facts<'_>) {
        if self.is_of_no_use(facts) {
            self.last.dropped = true;
            return;
        }
        (self.last).of(facts, &self.telemetry, self.sight.may_trace());
        self.count_received(facts);
        self.join(facts);
        let Some(mut update) = self.take_in(facts) else {
            return;
        };
        self.count(facts, &update);
        let mut known = std::mem::take(&mut update.known);
        if update.opens || update.describes {
            known = self.open(facts, &update, known);
        }
        self.trace(facts, known);
        self.apply(update.changes);
    }

    /// Whether nothing comes of an event: nobody counts, and the trace of its channel is not sampled.
    fn is_of_no_use(&self, facts: &Facts<'_>) -> bool {
        let joined = self.switch.as_ref().filter(|_| !self.look_again);
        self.meter.is_none()
            && joined.is_some_and(|joined| {
                let dropped = self.settled.of(facts, changes(&facts.name), &joined.switch);
                dropped == Some(true)
            })
    }

    /// The span `process_event` for an event that is about to be handled, and the time that takes.
    /// The span is a child of the channel's, if there is one, and has the headers as attributes.
    pub fn process(&mut self, event: &Event) -> Processing {
        if !self.is_active() {
            return Processing::default();
        }
        let route = event.route();
        let facts = Facts::new(event, &route);
        (self.last).of(&facts, &self.telemetry, self.sight.may_trace());
        self.process_last(event)
    }

    /// The same for the event that was taken in last.
    fn process_last(&mut self, event: &Event) -> Processing {
        let name = self.last.kind.name;
        let took = self.meter.as_mut().map(|meter| {
            let histogram = meter.handle(|tables| &mut tables.processing, &[name]);
            (histogram, Instant::now())
        });
        Processing::new(self.context_of_last(event), took)
    }

    /// The event that was taken in last is handled, and nobody does anything with it.
    pub(crate) fn processed_last(&mut self, event: &Event) {
        if let Some(meter) = &mut self.meter {
            meter.processed(self.last.kind.name);
        }
        if let Some(context) = self.context_of_last(event) {
            context.span().end();
        }
    }

    fn context_of_last(&self, event: &Event) -> Option<Context> {
        if self.last.dropped {
            return None;
        }
        let switch = self.switch.as_ref().map(|joined| &*joined.switch);
        process_event(&self.telemetry, &self.sight, switch, event, &self.last)
    }

    /// What was read together is handed out.
    pub(crate) fn flush(&mut self) {
        if let Some(meter) = &mut self.meter {
            meter.flush(self.batch.end());
        }
    }

    /// Counts how a reader was found for the event that was taken in last.
    pub(crate) fn count_routed(&mut self, by_channel: bool) {
        let name = self.last.kind.name;
        let Some(meter) = &mut self.meter else {
            return;
        };
        if by_channel {
            meter.count(|tables| &mut tables.routed_by_channel, &[name]);
        } else {
            meter.count(|tables| &mut tables.routed_otherwise, &[name]);
        }
    }

    /// Remembers what the event says of its channel; nothing if another connection has delivered
    /// it already.
    fn take_in(&mut self, facts: &Facts<'_>) -> Option<Update> {
        let shared = self.telemetry.shared();
        let Some(joined) = &self.switch else {
            return Some(Update::default());
        };
        let for_whom = For {
            spans: self.sight.may_trace(),
            metrics: self.meter.is_some(),
            channels: self.sight.may_trace() && shared.channels,
        };
        let switch = &joined.switch;
        if let Some(dropped) = self.settled.of(facts, self.last.changes, switch) {
            self.last.dropped = dropped;
            // what is not counted need not be known to others
            let is_new = for_whom.metrics && switch.is_new(facts.sequence());
            return is_new.then(Update::default);
        }
        if !switch.is_new(facts.sequence()) {
            return None;
        }
        let mut state = switch.state();
        let channels = &mut state.channels;
        let update = channels.update(facts, &shared.sets, &shared.expected, for_whom);
        self.settled.put(facts, &update, switch.holds());
        Some(update)
    }

    fn trace(&mut self, facts: &Facts<'_>, known: Known) {
        let shared = self.telemetry.shared();
        self.last.dropped |= known.is_dropped();
        if !self.sight.may_trace() || self.last.dropped {
            return;
        }
        let Some(plan) = shared.plans.of(self.last.kind) else {
            return;
        };
        let wanted = if plan.span.is_of_a_channel() {
            shared.lifecycle
        } else {
            shared.subclasses
        };
        if !wanted || self.last.excluded {
            return;
        }
        let other = self.other_root(facts, known.parent.as_ref());
        let made = spans::emit(&self.telemetry, &self.sight, plan, facts, &known, other);
        if let Some(root) = made.filter(|_| !known.has_root) {
            self.set_root(facts.uuid.as_deref(), root);
        }
    }

    /// The span of the channel that this one meets with this event, if it is in another trace.
    fn other_root(&self, facts: &Facts<'_>, own: Option<&SpanContext>) -> Option<SpanContext> {
        let other = spans::meets(facts)?;
        let joined = self.switch.as_ref()?;
        let root = joined.switch.state().channels.root(&other)?;
        let same = own.is_some_and(|own| own.trace_id() == root.trace_id());
        (!same).then_some(root)
    }

    fn set_root(&self, uuid: Option<&str>, root: SpanContext) {
        if let (Some(joined), Some(uuid)) = (&self.switch, uuid) {
            joined.switch.state().channels.set_root(uuid, root);
        }
    }

    /// The age of the event beyond the smallest that was seen: the clocks of the switch and of this
    /// machine need not agree.
    fn measure_lag(&mut self, facts: &Facts<'_>, now: SystemTime) {
        let (Some(meter), Some(made)) = (&mut self.meter, facts.timestamp()) else {
            return;
        };
        let Ok(now) = now.duration_since(UNIX_EPOCH) else {
            return;
        };
        let age = now.as_micros() as i128 - i128::from(made);
        let skew = *self
            .skew
            .insert(self.skew.map_or(age, |skew| skew.min(age)));
        meter.set(|tables| &mut tables.lag, &[], (age - skew) as f64 / 1e6);
    }
}

impl Last {
    /// `traced` if there are spans: the rest is for them.
    fn of(&mut self, facts: &Facts<'_>, telemetry: &Telemetry, traced: bool) {
        let sets = &telemetry.shared().sets;
        self.kind = Kind {
            name: sets.events.slot(&facts.name),
            subclass: sets.subclasses.optional(facts.subclass.as_deref()),
        };
        self.changes = changes(&facts.name);
        self.dropped = false;
        self.uuid.clear();
        if traced {
            self.excluded = telemetry.excludes_event(&facts.name)
                || (facts.name == "CUSTOM" && telemetry.excludes_event(facts.kind()));
            let uuid = facts.uuid.as_deref().unwrap_or_default();
            self.uuid.push_str(uuid);
        }
    }
}

impl Default for Last {
    fn default() -> Self {
        Self {
            kind: Kind {
                name: Slot::OTHER,
                subclass: Slot::ABSENT,
            },
            excluded: false,
            changes: false,
            uuid: String::new(),
            dropped: false,
        }
    }
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        self.flush();
        self.leave();
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle")
            .field("spans", &self.sight.may_trace())
            .field("metrics", &self.meter.is_some())
            .field("switch", &self.switch.as_ref().map(|joined| &joined.core))
            .finish_non_exhaustive()
    }
}
