//! Events of a channel of which nothing more is to be learned.

use super::channels::Update;
use super::facts::Facts;
use super::observers::Switch;

/// The channel of an event before, if nothing more comes of most of its events: more than half of
/// all events are of the same channel as the one before, and need no look at the table then.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Empty if there is none.
    uuid: String,
    /// The channel's trace is not sampled.
    dropped: bool,
    /// When the table was held last.
    holds: u64,
}

impl Settled {
    /// Nothing if the table is to be asked about the channel of this event; else whether its trace
    /// is not sampled. `changes` says that the event changes the table.
    pub(super) fn of(&self, facts: &Facts<'_>, changes: bool, switch: &Switch) -> Option<bool> {
        let uuid = facts.uuid.as_deref()?;
        let is_same = !changes && !uuid.is_empty() && self.uuid == uuid;
        (is_same && switch.holds() == self.holds).then_some(self.dropped)
    }

    /// What came of an event, with the table held.
    pub(super) fn put(&mut self, facts: &Facts<'_>, update: &Update, holds: u64) {
        self.uuid.clear();
        if update.settled {
            self.uuid
                .push_str(facts.uuid.as_deref().unwrap_or_default());
            self.dropped = update.known.is_dropped();
            self.holds = holds;
        }
    }
}
