//! What connections are told of the channels of a switch, and what follows when they no longer are.

use super::{Changes, Channel, Channels, Expected, MAX_UUID};
use crate::lifecycle::hearing::Ends;
use crate::lifecycle::listed::Listed;
use crate::vocabulary::values::Slot;

impl Channels {
    /// A connection that is told of these ends; its number.
    pub(crate) fn join(&mut self, ends: &Ends) -> u64 {
        self.hearing.add(ends);
        self.connections += 1;
        self.connections
    }

    /// A connection is told of other ends now. Channels whose end nobody is told of any more do not
    /// count.
    pub(crate) fn hears(&mut self, before: &Ends, now: &Ends) -> Changes {
        self.hearing.add(now);
        self.hearing.remove(before);
        let mut changes = Changes::default();
        for uuid in self.uncovered(before) {
            match self.by_uuid.get_mut(&uuid) {
                // counts until somebody else can say more
                Some(channel) if channel.doubt.is_some() => {
                    changes.closing.extend(channel.close(&uuid));
                }
                _ => self.give_up(&uuid, &mut changes),
            }
        }
        changes
    }

    /// A connection has lost its link. It may come back and say what has ended meanwhile; until
    /// then what only this one was told of counts on, in doubt. Spans end here.
    pub(crate) fn lost(&mut self, ends: &Ends, connection: u64) -> Changes {
        self.hearing.remove(ends);
        let mut changes = Changes::default();
        for uuid in self.uncovered(ends) {
            if let Some(channel) = self.by_uuid.get_mut(&uuid) {
                changes.closing.extend(channel.close(&uuid));
                if channel.active.is_some() {
                    channel.doubt.get_or_insert(connection);
                }
            }
        }
        changes
    }

    /// A connection does not come back.
    pub(crate) fn leave(&mut self, ends: &Ends, connection: u64) -> Changes {
        let mut changes = self.hears(ends, &Ends::default());
        self.forget_doubtful(connection, &mut changes);
        changes
    }

    /// What a connection left in doubt does not count any more: nobody can say what has ended.
    pub(crate) fn forget_doubtful(&mut self, connection: u64, changes: &mut Changes) {
        let all = self.by_uuid.iter();
        let doubtful: Vec<Box<str>> = all
            .filter(|(_, channel)| channel.doubt == Some(connection))
            .map(|(uuid, _)| uuid.clone())
            .collect();
        for uuid in doubtful {
            self.give_up(&uuid, changes);
        }
    }

    /// Whether a connection left anything in doubt.
    pub(crate) fn is_in_doubt(&self, connection: u64) -> bool {
        let mut all = self.by_uuid.values();
        all.any(|channel| channel.doubt == Some(connection))
    }

    /// What is above the number of every channel that is known now.
    pub(crate) fn mark(&self) -> u64 {
        self.next
    }

    /// Compares with the channels that there are. Those from before a [`mark`](Self::mark) that are
    /// not among `alive` are forgotten: their ends were missed. The others are not in doubt any
    /// more.
    pub(crate) fn compare(&mut self, before: u64, alive: impl Fn(&str) -> bool) -> Changes {
        let mut changes = Changes::default();
        let known: Vec<(u64, Box<str>)> = self
            .by_age
            .iter()
            .map(|(&order, uuid)| (order, uuid.clone()))
            .collect();
        for (order, uuid) in known {
            let is_before = order < before
                || (self.by_uuid.get(&uuid)).is_some_and(|channel| channel.is_only_listed);
            if alive(&uuid) {
                if let Some(channel) = self.by_uuid.get_mut(&uuid)
                    && channel.doubt.take().is_some()
                    && !self.hearing.covers(&uuid)
                {
                    self.give_up(&uuid, &mut changes);
                }
            } else if is_before {
                self.forget(&uuid, &mut changes);
            }
        }
        changes
    }

    /// A channel is listed by the switch. If nothing was told of it, it began while nobody was told of
    /// channels, and counts from now on. The list is behind the events by a second or two: if the
    /// channel is not in the next one, it was over.
    pub(crate) fn meet(
        &mut self,
        row: &Listed,
        direction: Slot,
        expected: &Expected,
        changes: &mut Changes,
    ) {
        let uuid = &*row.uuid;
        let is_uuid = !uuid.is_empty() && uuid.len() <= MAX_UUID;
        let is_known = self.by_uuid.contains_key(uuid) || self.gone.contains(uuid);
        if !is_uuid || is_known || !self.hearing.covers(uuid) {
            return;
        }
        self.begin(uuid, None, changes);
        if let Some(channel) = self.by_uuid.get_mut(uuid) {
            channel.traceparent = expected.take(uuid);
            channel.created = row.created.map(|seconds| seconds.saturating_mul(1_000_000));
            channel.is_only_listed = true;
            channel.active = Some(direction);
            changes.active.push((direction, 1.0));
        }
    }

    /// The channels among those of `ends` that are open although nobody is told of their ends.
    fn uncovered(&self, ends: &Ends) -> Vec<Box<str>> {
        if self.hearing.covers_all() {
            return Vec::new();
        }
        let is_open = |uuid: &&str| self.by_uuid.get(*uuid).is_some_and(Channel::is_open);
        let is_uncovered = |uuid: &&str| !self.hearing.covers(uuid) && is_open(uuid);
        match ends {
            Ends::All => {
                let all = self.by_uuid.keys().map(|uuid| &**uuid);
                all.filter(is_uncovered).map(Box::from).collect()
            }
            Ends::Of(uuids) => {
                let all = uuids.iter().map(String::as_str);
                all.filter(is_uncovered).map(Box::from).collect()
            }
        }
    }
}
