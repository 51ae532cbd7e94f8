//! Which switch the events come from, and what of it this connection is told.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::channels::Changes;
use super::facts::Facts;
use super::{Ends, Joined, Lifecycle, Listed, Switch};
use crate::hooks::Sight;
use crate::metering::Meter;

impl Lifecycle {
    /// Says of which channels the ends are among the events from now on. Channels whose ends
    /// nobody is told of any more do not count as active.
    ///
    /// ```
    /// use genesis_otel::hooks::Ends;
    /// use genesis_otel::{Lifecycle, Telemetry};
    ///
    /// // for a connection that is subscribed to CHANNEL_ANSWER only
    /// let mut lifecycle = Lifecycle::new(&Telemetry::default());
    /// lifecycle.hears(Ends::Of(Vec::new()));
    /// ```
    pub fn hears(&mut self, ends: Ends) {
        let before = std::mem::replace(&mut self.ends, ends);
        if let Some(joined) = &self.switch {
            let mut state = joined.switch.state();
            let changes = state.channels.hears(&before, &self.ends);
            drop(state);
            self.apply(changes);
        }
    }

    /// A new link, and who listens to it. Another switch may be at its other end, and calls may
    /// have ended meanwhile.
    pub(crate) fn link_up(&mut self, sight: Arc<Sight>) {
        self.flush();
        self.sight = sight;
        self.meter = Meter::new(&self.telemetry);
        self.look_again = true;
        // it may be another switch, with another clock
        self.skew = None;
    }

    /// The link is gone. Only channels that are known by now can have ended unseen: those that
    /// another connection meets from here on need not be in the list of channels yet with which
    /// this one compares after the gap.
    pub(crate) fn link_lost(&mut self) {
        let ends = std::mem::take(&mut self.ends);
        if let Some(joined) = &mut self.switch {
            let mut state = joined.switch.state();
            joined.known_before = state.channels.mark();
            joined.was_told = ends == Ends::All;
            let changes = state.channels.lost(&ends, joined.number);
            drop(state);
            self.apply(changes);
        }
    }

    /// Nobody can say which channels there are after a gap: those that were told to this
    /// connection alone count again with their next event.
    pub(crate) fn gap_unknown(&mut self) {
        if let Some(joined) = &self.switch {
            let mut changes = Changes::default();
            let mut state = joined.switch.state();
            (state.channels).forget_doubtful(joined.number, &mut changes);
            drop(state);
            self.apply(changes);
        }
    }

    /// Whether calls may have begun while the link was down, or those that are counted have ended.
    pub(crate) fn is_in_doubt(&self) -> bool {
        let counts = self.meter.is_some();
        self.switch.as_ref().is_some_and(|joined| {
            let may_miss = counts && joined.was_told;
            may_miss || joined.switch.state().channels.is_in_doubt(joined.number)
        })
    }

    /// Ends the spans that wait for a CHANNEL_DESTROY and are due. When the next one is.
    pub(crate) fn due(&mut self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        if !self.telemetry.shared().channels {
            return None;
        }
        let joined = self.switch.as_ref()?;
        let (next, changes) = joined.switch.state().channels.due(now());
        self.apply(changes);
        next
    }

    /// Whether the switch is another one than when this was asked last.
    pub(crate) fn has_joined(&mut self) -> bool {
        std::mem::take(&mut self.has_joined)
    }

    pub(crate) fn switch(&self) -> Weak<Switch> {
        let joined = self.switch.as_ref();
        joined.map_or_else(Weak::new, |joined| Arc::downgrade(&joined.switch))
    }

    /// Says which channels there are, after events were missed: `alive` is what `show channels`
    /// lists. Channels that have ended meanwhile no longer count as active, and their duration is
    /// not known; those that are new count from their next event on.
    pub fn after_gap<S: BuildHasher>(&mut self, alive: &HashSet<String, S>) {
        self.look_again = true;
        let Some(joined) = &self.switch else {
            return;
        };
        let before = joined.known_before;
        let mut state = joined.switch.state();
        let changes = state.channels.compare(before, |uuid| alive.contains(uuid));
        drop(state);
        self.apply(changes);
    }

    /// The same with what else is known of the channels: those that are new count at once.
    pub(crate) fn after_gap_with(&mut self, listed: &[Listed]) {
        let alive: HashSet<String> = listed.iter().map(|row| row.uuid.clone()).collect();
        self.after_gap(&alive);
        let Some(joined) = self.switch.as_ref().filter(|_| self.meter.is_some()) else {
            return;
        };
        let shared = self.telemetry.shared();
        let mut changes = Changes::default();
        let mut state = joined.switch.state();
        for row in listed {
            let direction = shared.sets.directions.slot(&row.direction);
            (state.channels).meet(row, direction, &shared.expected, &mut changes);
        }
        drop(state);
        self.apply(changes);
    }

    /// Finds the memory of the switch. Its `Core-UUID` is taken from the first event that has one,
    /// and again after a gap: no event can move a connection to another switch in between.
    pub(super) fn join(&mut self, facts: &Facts<'_>) {
        let joined = self.switch.as_ref();
        if !self.look_again && joined.is_some_and(|joined| !joined.core.is_empty()) {
            return;
        }
        let core = facts.core().unwrap_or_default();
        let core = &*core;
        // of another switch than before the gap nothing was known then
        let known_before = if self.look_again { 0 } else { u64::MAX };
        if let Some(joined) = &self.switch {
            if core.is_empty() {
                return;
            }
            self.look_again = false;
            if *joined.core == *core {
                return;
            }
        }
        self.look_again = false;
        self.leave();
        let shared = self.telemetry.shared();
        let switch = if core.is_empty() {
            Arc::new(Switch::new(shared.max_channels))
        } else {
            shared.observers.join(core, shared.max_channels)
        };
        self.has_joined = true;
        let number = switch.state().channels.join(&self.ends);
        self.switch = Some(Joined {
            core: core.into(),
            switch,
            number,
            known_before,
            was_told: false,
        });
    }

    /// Leaves the switch, and takes off the count what nobody else is told the end of.
    pub(super) fn leave(&mut self) {
        if let Some(joined) = self.switch.take() {
            let mut state = joined.switch.state();
            let changes = state.channels.leave(&self.ends, joined.number);
            drop(state);
            self.apply(changes);
        }
    }
}
