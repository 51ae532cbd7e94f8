//! The connection's own task.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Instant;

use genesis_proto::Event;
use genesis_proto::event::Route;

use super::connection::Connection;
use super::level::Level;
use crate::lifecycle::{Ends, Lifecycle, Listed};
use crate::metering::Labels;
use crate::vocabulary::metrics::EVENTS_LAGGED_TOTAL;

/// The connection's own task: told of every event before it is handed out, and after.
pub struct Reader {
    connection: Connection,
    /// Nothing before the first link.
    lifecycle: Option<Lifecycle>,
    active: Level,
    /// The event that is being handed out was told before.
    told: bool,
}

/// What became of an event that was read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Routed {
    /// A reader was found by the event's channel.
    pub by_channel: bool,
    /// A consumer got it, who says itself when it is handled ([`Connection::processing`]).
    pub to_consumer: bool,
    /// So many readers had no room for it, or lost an older one to it.
    pub lost: u64,
}

impl Reader {
    pub(super) fn new(connection: &Connection) -> Self {
        let labels = [("type", connection.side())];
        Self {
            connection: connection.clone(),
            lifecycle: None,
            active: connection.level("genesis_connections_active", &labels),
            told: false,
        }
    }

    /// Whether anybody listens; if not, nothing else needs to be called.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.connection.is_active()
    }

    /// A link is up. What is installed now is used from here on.
    pub fn link_up(&mut self) {
        let sight = self.connection.look();
        self.active.set(1);
        match &mut self.lifecycle {
            Some(lifecycle) => lifecycle.link_up(sight),
            None => self.lifecycle = Some(Lifecycle::with(self.connection.telemetry(), sight)),
        }
    }

    /// The link is gone.
    pub fn link_lost(&mut self) {
        self.active.set(0);
        if let Some(lifecycle) = &mut self.lifecycle {
            lifecycle.flush();
            lifecycle.link_lost();
        }
    }

    /// Whether the calls that are counted must be compared with the switch after a gap.
    #[must_use]
    pub fn wants_alive(&self) -> bool {
        let lifecycle = self.lifecycle.as_ref();
        lifecycle.is_some_and(Lifecycle::is_in_doubt)
    }

    /// The channels that there are, after a gap.
    pub fn alive(&mut self, channels: &mut dyn Iterator<Item = Listed>) {
        if let Some(lifecycle) = &mut self.lifecycle {
            lifecycle.after_gap_with(&channels.collect::<Vec<Listed>>());
        }
    }

    /// The channels that there are cannot be known.
    pub fn alive_unknown(&mut self) {
        if let Some(lifecycle) = &mut self.lifecycle {
            lifecycle.gap_unknown();
        }
    }

    /// Of which channels this link is told the ends from now on; of none at first.
    pub fn hears(&mut self, ends: Ends) {
        if let Some(lifecycle) = &mut self.lifecycle {
            lifecycle.hears(ends);
        }
    }

    /// When this is to be asked again at the latest. What is due now is done.
    pub fn due(&mut self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        self.lifecycle.as_mut()?.due(now)
    }

    /// Whether anybody listens, asked with every event: the connection itself is asked only when it
    /// may have to be told that nobody does.
    fn is_heard(&self) -> bool {
        let lifecycle = self.lifecycle.as_ref();
        self.connection.is_active()
            && (lifecycle.is_some_and(Lifecycle::is_active) || self.connection.sight().is_some())
    }

    /// An event was read and is about to be handed out: its channel is remembered before anybody
    /// handles it, so that what is made of it is in the channel's trace. `route` is the event's.
    pub fn read(&mut self, event: &Event, route: &Route<'_>) {
        if !self.is_heard() {
            return;
        }
        self.told = true;
        if let Some(lifecycle) = &mut self.lifecycle {
            lifecycle.on_routed(event, route);
            if lifecycle.has_joined() {
                self.connection.share_switch(lifecycle.switch());
            }
        }
    }

    /// An event was read and handed out.
    pub fn event(&mut self, event: &Event, routed: Routed) {
        if !std::mem::take(&mut self.told) {
            self.read(event, &event.route());
            self.told = false;
        }
        if !self.is_heard() {
            return;
        }
        let Some(lifecycle) = &mut self.lifecycle else {
            return;
        };
        lifecycle.count_routed(routed.by_channel);
        if routed.lost > 0
            && let Some(sight) = self.connection.sight()
            && let Some(meters) = &sight.meters
        {
            let labels = Labels::of(&EVENTS_LAGGED_TOTAL, |_| None);
            let counter = meters.counter(&EVENTS_LAGGED_TOTAL, &labels);
            counter.increment(routed.lost);
        }
        if !routed.to_consumer {
            lifecycle.processed_last(event);
        }
    }

    /// What was read together is handed out, and something else may run now: what was counted is told
    /// to the recorder, and how long the events took on average that no consumer handles, once for each
    /// name.
    pub fn flush(&mut self) {
        if let Some(lifecycle) = &mut self.lifecycle {
            lifecycle.flush();
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("connection", &self.connection)
            .field("lifecycle", &self.lifecycle)
            .finish_non_exhaustive()
    }
}

// nothing of it is left half done by a panic
impl UnwindSafe for Reader {}
impl RefUnwindSafe for Reader {}
