//! What is remembered of the channels of one switch.

mod told;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use genesis_proto::name::ChannelState;
use opentelemetry::global::BoxedSpan;
use opentelemetry::trace::{Span as _, SpanContext};

pub(crate) use super::channel::Known;
use super::channel::{Channel, created, is_alive, is_end, is_of_channel};
use super::expected::Expected;
use super::facts::Facts;
use super::gone::Gone;
use super::hearing::Hearing;
use super::opened::Closing;
use crate::vocabulary::values::{Sets, Slot};

/// UUIDs are 36 bytes; who sets `origination_uuid` may have others. Longer ones are not remembered.
pub(super) const MAX_UUID: usize = 128;
/// A channel that has hung up is kept this long for its DESTROY.
const AFTER_HANGUP: Duration = Duration::from_secs(5);

/// What an event has changed, and what is known of its channel.
#[derive(Debug, Default)]
pub(crate) struct Update {
    pub(crate) changes: Changes,
    /// The channel has ended with this event.
    pub(crate) ended: bool,
    /// How long the call was, in seconds, when it ended.
    pub(crate) duration: Option<f64>,
    /// The event is the channel's first HANGUP_COMPLETE.
    pub(crate) completed: bool,
    /// The span of the channel is to be made now.
    pub(crate) opens: bool,
    /// The event shows what that span is to show.
    pub(crate) describes: bool,
    /// Nothing more comes of further events of the channel, but of those that
    /// [change](changes) it, as long as nobody else changes the table.
    pub(crate) settled: bool,
    pub(crate) known: Known,
}

/// What is to be done when the table is not locked any more.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Changes {
    /// Active channels by direction: more or fewer.
    pub(crate) active: Vec<(Slot, f64)>,
    /// Spans of channels that end.
    pub(crate) closing: Vec<Closing>,
}

/// Who listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct For {
    pub(crate) spans: bool,
    pub(crate) metrics: bool,
    /// Each channel has a span of its own.
    pub(crate) channels: bool,
}

/// Whether events of this name change what is remembered of a channel, whatever is known of it.
pub(super) fn changes(name: &str) -> bool {
    is_end(name) || matches!(name, "CHANNEL_CREATE" | "CHANNEL_UUID")
}

/// The channels of one switch, bounded.
#[derive(Debug)]
pub(crate) struct Channels {
    max: usize,
    by_uuid: HashMap<Box<str>, Channel>,
    by_age: BTreeMap<u64, Box<str>>,
    next: u64,
    /// Those that hung up completely, by time of the switch.
    complete: BTreeSet<(u64, u64)>,
    /// Those that have ended or that nobody is told the end of: forgotten first.
    over: BTreeSet<u64>,
    gone: Gone,
    hearing: Hearing,
    /// The next number of a connection.
    connections: u64,
    /// Channels with a span that have hung up completely since somebody asked what is due.
    hung_up: Vec<u64>,
    due: VecDeque<(Instant, u64)>,
}

impl Channels {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            by_uuid: HashMap::new(),
            by_age: BTreeMap::new(),
            next: 0,
            complete: BTreeSet::new(),
            over: BTreeSet::new(),
            gone: Gone::default(),
            hearing: Hearing::default(),
            connections: 0,
            hung_up: Vec::new(),
            due: VecDeque::new(),
        }
    }

    /// Takes an event in. What only spans need is not looked for if there are none. A channel
    /// becomes active only for who `counts` it: what was not added to a gauge must not be taken off
    /// it.
    pub(crate) fn update(
        &mut self,
        facts: &Facts<'_>,
        sets: &Sets,
        expected: &Expected,
        for_whom: For,
    ) -> Update {
        let mut update = Update::default();
        let is_uuid = |uuid: &&str| !uuid.is_empty() && uuid.len() <= MAX_UUID;
        let Some(uuid) = facts.uuid.as_deref().filter(is_uuid) else {
            return update;
        };
        let name = &*facts.name;
        let is_new = name == "CHANNEL_CREATE";
        if is_new {
            self.replace(uuid, facts, &mut update.changes);
        } else if name == "CHANNEL_UUID" {
            self.rename(facts, uuid, &mut update.changes);
            // a leg that is called has had another UUID until now, under which its codec may have been
            // told before it could be known who calls it
            let renamed = self.by_uuid.get_mut(uuid);
            if let Some(channel) = renamed.filter(|channel| !channel.has_had_span)
                && let Some(caller) = expected.take(uuid)
            {
                channel.traceparent = Some(caller);
                channel.settled = true;
                channel.root = None;
            }
        }
        if !self.by_uuid.contains_key(uuid) {
            if !self.may_begin(facts, uuid) {
                update.known = self.known(uuid);
                let is_dropped = !for_whom.spans || update.known.is_dropped();
                update.settled = is_dropped && self.gone.contains(uuid);
                return update;
            }
            self.begin(uuid, facts.timestamp(), &mut update.changes);
            if let Some(channel) = self.by_uuid.get_mut(uuid) {
                channel.traceparent = expected.take(uuid);
            }
        }
        let Some(channel) = self.by_uuid.get_mut(uuid) else {
            return update;
        };
        channel.is_only_listed = false;
        if for_whom.metrics && channel.created.is_none() {
            channel.created = created(facts);
        }
        if for_whom.spans && !channel.is_dropped() {
            channel.learn(facts);
        }
        if is_end(name) {
            if !channel.ended {
                channel.end(facts, &mut update);
                self.over.insert(channel.order);
            }
        } else if !channel.ended {
            let may_count = for_whom.metrics && channel.active.is_none();
            if (may_count || channel.doubt.is_some())
                && (is_new || is_alive(facts))
                && self.hearing.covers(uuid)
            {
                channel.doubt = None;
                self.over.remove(&channel.order);
                if may_count {
                    let direction = facts.direction();
                    let direction = sets
                        .directions
                        .slot(direction.as_deref().unwrap_or_default());
                    channel.active = Some(direction);
                    update.changes.active.push((direction, 1.0));
                }
            }
            if for_whom.channels && self.hearing.covers(uuid) {
                update.opens = !channel.has_had_span
                    && channel.root.is_none()
                    && channel.settled
                    && is_of_channel(name);
                channel.has_had_span |= update.opens;
                // before that a codec may be set, and the UUID changed
                update.describes = (update.opens || channel.has_span())
                    && !channel.is_described
                    && (is_new || is_alive(facts));
                channel.is_described |= update.describes;
            }
        }
        if name == "CHANNEL_HANGUP_COMPLETE" && channel.complete.is_none() {
            let at = facts.timestamp().unwrap_or_default();
            channel.complete = Some(at);
            update.completed = true;
            self.complete.insert((at, channel.order));
            if channel.has_span() && self.hung_up.len() < self.max {
                self.hung_up.push(channel.order);
            }
        }
        let is_counted = !for_whom.metrics
            || channel.is_counted()
            || (channel.created.is_some() && !self.hearing.covers(uuid));
        update.settled = is_counted && (!for_whom.spans || channel.is_dropped());
        if for_whom.spans {
            update.known = match channel.is_dropped() {
                true => channel.as_dropped(),
                false => self.known(uuid),
            };
        }
        if name == "CHANNEL_DESTROY" {
            let root = self.root(uuid).or_else(|| update.known.parent.clone());
            self.forget(uuid, &mut update.changes);
            self.gone.remember(uuid, root, facts.timestamp());
        }
        update
    }

    /// What is known of a channel.
    pub(crate) fn known(&self, uuid: &str) -> Known {
        match self.by_uuid.get(uuid) {
            Some(channel) => channel.known(|other| self.root(other)),
            None => {
                let parent = self.gone.root(uuid);
                Known {
                    has_root: parent.is_some(),
                    parent,
                    ..Known::default()
                }
            }
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

    /// A channel whose variables are shown is handled in this span: what is learned of it from here on
    /// is below, unless its trace is fixed. Gives the span back if the channel is not known.
    pub(crate) fn handle(&mut self, uuid: &str, span: SpanContext) -> Option<SpanContext> {
        let Some(channel) = self.by_uuid.get_mut(uuid) else {
            return Some(span);
        };
        channel.settled = true;
        if channel.root.is_none() {
            channel.traceparent = Some(span);
        }
        None
    }

    /// The span of a channel, to be [given back](Self::open).
    pub(crate) fn take_span(&mut self, uuid: &str) -> Option<BoxedSpan> {
        self.by_uuid.get_mut(uuid)?.take_span()
    }

    /// Keeps the span of a channel; gives it back if the channel is over already.
    pub(crate) fn open(
        &mut self,
        uuid: &str,
        span: BoxedSpan,
        shows_call_id: bool,
    ) -> Option<BoxedSpan> {
        let is_covered = self.hearing.covers(uuid);
        let Some(channel) = self.by_uuid.get_mut(uuid) else {
            return Some(span);
        };
        channel.root = Some(span.span_context().clone());
        if channel.ended || !is_covered || !span.is_recording() {
            return Some(span);
        }
        channel.open(span, shows_call_id);
        None
    }

    /// When the next span is due that waits for a DESTROY; those that are due at `now` end.
    pub(crate) fn due(&mut self, now: Instant) -> (Option<Instant>, Changes) {
        let mut changes = Changes::default();
        let due = self
            .hung_up
            .drain(..)
            .map(|order| (now + AFTER_HANGUP, order));
        self.due.extend(due);
        while let Some(&(at, order)) = self.due.front() {
            let waits = self.by_age.contains_key(&order);
            if waits && at > now && self.due.len() <= self.max {
                return (Some(at), changes);
            }
            self.due.pop_front();
            self.expire(order, &mut changes);
        }
        (None, changes)
    }

    /// A channel that counts no longer, as far as can be known. Its trace is remembered.
    fn give_up(&mut self, uuid: &str, changes: &mut Changes) {
        let Some(channel) = self.by_uuid.get_mut(uuid) else {
            return;
        };
        channel.doubt = None;
        changes.closing.extend(channel.close(uuid));
        if let Some(direction) = channel.active.take() {
            changes.active.push((direction, -1.0));
        }
        self.over.insert(channel.order);
    }

    /// Whether an event begins a channel that is not known. One that describes none does not, and
    /// one of the last ones does only if it tells of an end that nobody has seen.
    fn may_begin(&mut self, facts: &Facts<'_>, uuid: &str) -> bool {
        if self.gone.contains(uuid) {
            return false;
        }
        if facts.name == "CHANNEL_DESTROY" {
            // what comes late is of a channel that is gone
            self.gone.remember(uuid, None, facts.timestamp());
            return false;
        }
        if facts.name.starts_with("PRESENCE_") {
            return false;
        }
        let state = facts.channel_state();
        let state = state.as_deref().map(ChannelState::from);
        state.is_some_and(|state| !state.is_over() || is_end(&facts.name))
    }

    fn begin(&mut self, uuid: &str, now: Option<u64>, changes: &mut Changes) {
        self.drop_complete(now.unwrap_or_default(), changes);
        while self.by_uuid.len() >= self.max {
            let oldest = self.over.first().or_else(|| self.by_age.keys().next());
            let Some(oldest) = oldest.copied() else {
                break;
            };
            self.expire(oldest, changes);
        }
        let channel = Channel::new(self.next);
        self.by_age.insert(self.next, uuid.into());
        self.next += 1;
        self.by_uuid.insert(uuid.into(), channel);
    }

    /// A channel with this UUID is made. Whoever sets `origination_uuid` may use one again, and what
    /// is known is of another one then. If this comes after the channel's end, it is late.
    fn replace(&mut self, uuid: &str, facts: &Facts<'_>, changes: &mut Changes) {
        let held = self.by_uuid.get(uuid);
        if held.is_some_and(|held| held.is_followed_by(facts)) {
            self.forget(uuid, changes);
        }
        if !self.gone.is_of(uuid, facts.timestamp()) {
            self.gone.remove(uuid);
        }
    }

    /// Drops the channels whose DESTROY has not come in time: not everybody is sent it.
    fn drop_complete(&mut self, now: u64, changes: &mut Changes) {
        let wait = AFTER_HANGUP.as_micros() as u64;
        while let Some(&(at, order)) = self.complete.first() {
            if at.saturating_add(wait) > now {
                break;
            }
            self.expire(order, changes);
            self.complete.remove(&(at, order));
        }
    }

    /// Forgets a channel by its number. If it has ended, events may still come late.
    fn expire(&mut self, order: u64, changes: &mut Changes) {
        // whatever else is kept: who makes room goes on
        self.over.remove(&order);
        let Some(uuid) = self.by_age.remove(&order) else {
            return;
        };
        let held = self.by_uuid.get(&uuid).filter(|channel| channel.ended);
        let ended = held.map(|channel| (channel.root.clone(), channel.ended_at));
        self.forget(&uuid, changes);
        if let Some((root, at)) = ended {
            self.gone.remember(&uuid, root, at);
        }
    }

    /// Forgets a channel, wherever it stands.
    fn forget(&mut self, uuid: &str, changes: &mut Changes) {
        let Some(mut channel) = self.by_uuid.remove(uuid) else {
            return;
        };
        self.by_age.remove(&channel.order);
        self.over.remove(&channel.order);
        if let Some(at) = channel.complete {
            self.complete.remove(&(at, channel.order));
        }
        changes.closing.extend(channel.close(uuid));
        if let Some(direction) = channel.active {
            changes.active.push((direction, -1.0));
        }
    }

    /// A channel has another UUID from now on. What comes late under the old one is of no channel.
    fn rename(&mut self, facts: &Facts<'_>, new: &str, changes: &mut Changes) {
        let old = facts.get("Old-Unique-ID");
        let Some(old) = old.as_deref().filter(|old| *old != new) else {
            return;
        };
        if !self.by_uuid.contains_key(old) {
            return;
        }
        let at = facts.timestamp();
        let root = self.root(old);
        let held = self.by_uuid.get(new);
        let has_ended = held.is_some_and(|held| held.ended && !held.is_followed_by(facts));
        if has_ended || self.gone.is_of(new, at) {
            // its end came first
            self.forget(old, changes);
            self.gone.remember(old, root, at);
            return;
        }
        // what came first under the new one counts with the rest
        self.forget(new, changes);
        self.gone.remove(new);
        let Some(channel) = self.by_uuid.remove(old) else {
            return;
        };
        self.gone.remember(old, root, at);
        self.by_age.insert(channel.order, new.into());
        let is_lost = channel.is_open() && channel.doubt.is_none() && !self.hearing.covers(new);
        self.by_uuid.insert(new.into(), channel);
        if is_lost {
            self.give_up(new, changes);
        }
    }
}

#[cfg(test)]
mod tests;
