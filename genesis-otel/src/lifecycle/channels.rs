//! What is remembered of the channels of one switch.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use genesis_proto::name::ChannelState;
use opentelemetry::trace::SpanContext;

use super::expected::Expected;
use super::facts::Facts;
use crate::traceparent;
use crate::vocabulary::values::{Sets, Slot};

/// UUIDs are 36 bytes; who sets `origination_uuid` may have others. Longer ones are not remembered.
const MAX_UUID: usize = 128;
/// Longer texts are no Call-ID and no name of a channel.
const MAX_TEXT: usize = 256;
/// A channel that has hung up is kept this long for its DESTROY, in microseconds of the switch.
const AFTER_HANGUP: u64 = 5_000_000;
/// So many destroyed channels are known by UUID, for events that come late.
const MAX_GONE: usize = 1_024;

/// What is remembered of one channel.
#[derive(Debug, Default)]
struct Channel {
    order: u64,
    call_id: Option<Arc<str>>,
    name: Option<Arc<str>>,
    /// From its variable, or from who called it.
    traceparent: Option<SpanContext>,
    /// Its variables were shown, if it has any: before CHANNEL_CREATE none are.
    settled: bool,
    /// The leg that made this one.
    originator: Option<Box<str>>,
    /// Its first span: the parent of the others.
    root: Option<SpanContext>,
    /// Microseconds since 1970.
    created: Option<u64>,
    /// The direction under which it counts as active.
    active: Option<Slot>,
    ended: bool,
    /// Its HANGUP_COMPLETE has come.
    complete: bool,
}

/// What an event has changed, and what is known of its channel.
#[derive(Debug, Default)]
pub(crate) struct Update {
    /// Active channels by direction: more or fewer.
    pub(crate) active: Vec<(Slot, f64)>,
    /// The channel has ended with this event.
    pub(crate) ended: bool,
    /// How long the call was, in seconds, when it ended.
    pub(crate) duration: Option<f64>,
    /// The event is the channel's first HANGUP_COMPLETE.
    pub(crate) completed: bool,
    pub(crate) known: Known,
}

/// Who listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct For {
    pub(crate) spans: bool,
    pub(crate) metrics: bool,
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

/// The channels of one switch, bounded.
#[derive(Debug)]
pub(crate) struct Channels {
    max: usize,
    by_uuid: HashMap<Box<str>, Channel>,
    by_age: BTreeMap<u64, Box<str>>,
    next: u64,
    /// Those that hung up completely, by time.
    complete: VecDeque<(u64, u64)>,
    /// Those that are no more, and their roots.
    gone: HashMap<Box<str>, Option<SpanContext>>,
    gone_by_age: VecDeque<Box<str>>,
}

impl Channels {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            by_uuid: HashMap::new(),
            by_age: BTreeMap::new(),
            next: 0,
            complete: VecDeque::new(),
            gone: HashMap::new(),
            gone_by_age: VecDeque::new(),
        }
    }

    /// Takes an event in. What only spans need is not looked for if there are none. A channel becomes active only for who `counts` it: what was not added to
    /// a gauge must not be taken off it.
    pub(crate) fn update(
        &mut self,
        facts: &Facts<'_>,
        sets: &Sets,
        expected: &Expected,
        for_whom: For,
    ) -> Update {
        let mut update = Update::default();
        let Some(uuid) = facts.uuid.as_deref().filter(|uuid| uuid.len() <= MAX_UUID) else {
            return update;
        };
        let name = &*facts.name;
        if name == "CHANNEL_UUID" {
            self.rename(facts.get("Old-Unique-ID").as_deref(), uuid);
        }
        let is_new = name == "CHANNEL_CREATE";
        if is_new {
            // who sets `origination_uuid` may use one again
            self.gone.remove(uuid);
        }
        if !self.by_uuid.contains_key(uuid) {
            // only events that describe a channel begin one, and none of the last ones
            let over = facts.channel_state().as_deref().map(ChannelState::from);
            let over = over.is_none_or(|state| state.is_over());
            if over || name == "CHANNEL_DESTROY" || self.gone.contains_key(uuid) {
                update.known = self.known(uuid);
                return update;
            }
            self.begin(uuid, facts.timestamp(), &mut update);
            if let Some(channel) = self.by_uuid.get_mut(uuid) {
                channel.traceparent = expected.take(uuid);
            }
        }
        let Some(channel) = self.by_uuid.get_mut(uuid) else {
            return update;
        };
        if for_whom.metrics && channel.created.is_none() {
            channel.created = created(facts);
        }
        if for_whom.spans && !channel.is_dropped() {
            channel.learn(facts);
            channel.settled |= !is_early(facts) || channel.traceparent.is_some();
        }
        if is_end(name) {
            if !channel.ended {
                channel.end(facts, &mut update);
            }
        } else if for_whom.metrics
            && channel.active.is_none()
            && !channel.ended
            && (is_new || is_alive(facts))
        {
            let direction = sets
                .directions
                .slot(facts.direction().as_deref().unwrap_or_default());
            channel.active = Some(direction);
            update.active.push((direction, 1.0));
        }
        if name == "CHANNEL_HANGUP_COMPLETE" && !channel.complete {
            channel.complete = true;
            update.completed = true;
            let now = facts.timestamp().unwrap_or_default();
            self.complete.push_back((now, channel.order));
        }
        if for_whom.spans {
            update.known = match channel.is_dropped() {
                true => channel.as_dropped(),
                false => self.known(uuid),
            };
        }
        if name == "CHANNEL_DESTROY" {
            let root = self.root(uuid).or_else(|| update.known.parent.clone());
            self.forget(uuid);
            self.remember_gone(uuid, root);
        }
        update
    }

    /// What is known of a channel.
    pub(crate) fn known(&self, uuid: &str) -> Known {
        let Some(channel) = self.by_uuid.get(uuid) else {
            let parent = self.gone.get(uuid).cloned().flatten();
            return Known {
                has_root: parent.is_some(),
                parent,
                ..Known::default()
            };
        };
        let origin = || self.root(channel.originator.as_deref()?);
        Known {
            call_id: channel.call_id.clone(),
            name: channel.name.clone(),
            parent: channel
                .root
                .clone()
                .or_else(|| channel.traceparent.clone())
                .or_else(origin),
            has_root: channel.root.is_some(),
        }
    }

    /// The span that stands for a channel.
    pub(crate) fn root(&self, uuid: &str) -> Option<SpanContext> {
        self.by_uuid.get(uuid)?.root.clone()
    }

    /// Fixes the trace of a channel; the first to do so counts, once it can be known which trace
    /// it is in.
    pub(crate) fn set_root(&mut self, uuid: &str, span: SpanContext) {
        let channel = self.by_uuid.get_mut(uuid);
        if let Some(channel) = channel.filter(|channel| channel.settled) {
            channel.root.get_or_insert(span);
        }
    }

    /// What is above the number of every channel that is known now.
    pub(crate) fn mark(&self) -> u64 {
        self.next
    }

    /// Forgets every channel from before a [`mark`](Self::mark) that is not among `alive`: their
    /// ends were missed.
    pub(crate) fn retain(&mut self, before: u64, alive: impl Fn(&str) -> bool) -> Vec<(Slot, f64)> {
        let old = self.by_age.range(..before).map(|(_, uuid)| uuid);
        let dead: Vec<Box<str>> = old.filter(|uuid| !alive(uuid)).cloned().collect();
        dead.iter()
            .filter_map(|uuid| Some((self.forget(uuid)?, -1.0)))
            .collect()
    }

    fn begin(&mut self, uuid: &str, now: Option<u64>, update: &mut Update) {
        self.drop_complete(now.unwrap_or_default());
        while self.by_uuid.len() >= self.max {
            let Some((_, oldest)) = self.by_age.pop_first() else {
                break;
            };
            if let Some(active) = self.by_uuid.remove(&oldest).and_then(|old| old.active) {
                update.active.push((active, -1.0));
            }
        }
        let channel = Channel {
            order: self.next,
            ..Channel::default()
        };
        self.by_age.insert(self.next, uuid.into());
        self.next += 1;
        self.by_uuid.insert(uuid.into(), channel);
    }

    /// Drops the channels whose DESTROY has not come in time: not everybody is sent it.
    fn drop_complete(&mut self, now: u64) {
        while let Some(&(at, order)) = self.complete.front() {
            if at.saturating_add(AFTER_HANGUP) > now {
                break;
            }
            self.complete.pop_front();
            if let Some(uuid) = self.by_age.remove(&order) {
                let root = self.by_uuid.remove(&uuid).and_then(|channel| channel.root);
                self.remember_gone(&uuid, root);
            }
        }
    }

    /// Forgets a channel; the direction under which it still counted.
    fn forget(&mut self, uuid: &str) -> Option<Slot> {
        let channel = self.by_uuid.remove(uuid)?;
        self.by_age.remove(&channel.order);
        if channel.complete {
            self.complete.retain(|&(_, order)| order != channel.order);
        }
        channel.active
    }

    fn rename(&mut self, old: Option<&str>, new: &str) {
        let Some(channel) = old.and_then(|old| self.by_uuid.remove(old)) else {
            return;
        };
        self.by_age.insert(channel.order, new.into());
        self.by_uuid.insert(new.into(), channel);
    }

    fn remember_gone(&mut self, uuid: &str, root: Option<SpanContext>) {
        if self.gone_by_age.len() >= MAX_GONE
            && let Some(oldest) = self.gone_by_age.pop_front()
        {
            self.gone.remove(&oldest);
        }
        if self.gone.insert(uuid.into(), root).is_none() {
            self.gone_by_age.push_back(uuid.into());
        }
    }
}

impl Channel {
    /// As [`Known::is_dropped`].
    fn is_dropped(&self) -> bool {
        self.root.as_ref().is_some_and(|root| !root.is_sampled())
    }

    /// All that is asked of a channel that has no spans.
    fn as_dropped(&self) -> Known {
        Known {
            parent: self.root.clone(),
            has_root: true,
            ..Known::default()
        }
    }

    fn learn(&mut self, facts: &Facts<'_>) {
        let short = |text: Option<&str>| text.filter(|text| text.len() <= MAX_TEXT).map(Arc::from);
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
    }

    fn end(&mut self, facts: &Facts<'_>, update: &mut Update) {
        self.ended = true;
        update.ended = true;
        if let Some(direction) = self.active.take() {
            update.active.push((direction, -1.0));
        }
        let end = facts
            .time("Caller-Channel-Hangup-Time")
            .or_else(|| facts.timestamp());
        if let (Some(created), Some(end)) = (self.created, end) {
            // the clock of the switch may have been set back meanwhile
            let micros = end.saturating_sub(created);
            update.duration = Some(micros as f64 / 1e6);
        }
    }
}

/// When a channel was made, in microseconds since 1970.
fn created(facts: &Facts<'_>) -> Option<u64> {
    let created = facts.time("Caller-Channel-Created-Time");
    created.or_else(|| facts.timestamp().filter(|_| facts.name == "CHANNEL_CREATE"))
}

fn is_end(name: &str) -> bool {
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

/// Whether an event shows a call that is under way: its creation was missed.
fn is_alive(facts: &Facts<'_>) -> bool {
    let state = facts.channel_state().as_deref().map(ChannelState::from);
    let state =
        state.is_some_and(|state| state >= ChannelState::Routing && state < ChannelState::Hangup);
    state && facts.answer_state().as_deref() != Some("hangup")
}
