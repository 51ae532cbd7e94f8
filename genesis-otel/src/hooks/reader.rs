//! The connection's own task.

use std::collections::HashSet;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use genesis_proto::Event;

use super::connection::Connection;
use super::level::Level;
use crate::lifecycle::Lifecycle;
use crate::metering::{Labels, Meters};
use crate::vocabulary::Metric;
use crate::vocabulary::metrics::{
    CHANNEL_ROUTING_FALLBACK_TOTAL, CHANNEL_ROUTING_HITS_TOTAL, EVENTS_LAGGED_TOTAL,
};
use crate::vocabulary::values::Slot;

/// The connection's own task: told of every event before it is handed out, and after.
pub struct Reader {
    connection: Connection,
    /// Nothing before the first link.
    lifecycle: Option<Lifecycle>,
    active: Level,
    /// There was a link before this one.
    again: bool,
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
            again: false,
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
            Some(lifecycle) => {
                self.again = true;
                lifecycle.link_up(sight);
            }
            None => self.lifecycle = Some(Lifecycle::with(self.connection.telemetry(), sight)),
        }
    }

    /// The link is gone.
    pub fn link_lost(&mut self) {
        self.active.set(0);
        if let Some(lifecycle) = &mut self.lifecycle {
            lifecycle.link_lost();
        }
    }

    /// Whether the calls that are counted must be compared with the switch after a gap.
    #[must_use]
    pub fn wants_alive(&self) -> bool {
        let lifecycle = self.lifecycle.as_ref().filter(|_| self.again);
        lifecycle.is_some_and(Lifecycle::has_recorder)
    }

    /// The channels that there are, after a gap.
    pub fn alive(&mut self, uuids: &mut dyn Iterator<Item = String>) {
        if let Some(lifecycle) = &mut self.lifecycle {
            lifecycle.after_gap(&uuids.collect::<HashSet<String>>());
        }
    }

    /// An event was read and is about to be handed out: its channel is remembered before anybody
    /// handles it, so that what is made of it is in the channel's trace.
    pub fn read(&mut self, event: &Event) {
        if self.connection.sight().is_none() {
            return;
        }
        self.told = true;
        if let Some(lifecycle) = &mut self.lifecycle {
            lifecycle.on_event(event);
            if lifecycle.has_joined() {
                self.connection.share_switch(lifecycle.switch());
            }
        }
    }

    /// An event was read and handed out.
    pub fn event(&mut self, event: &Event, routed: Routed) {
        if !std::mem::take(&mut self.told) {
            self.read(event);
            self.told = false;
        }
        let Some(sight) = self.connection.sight() else {
            return;
        };
        let Some(lifecycle) = &mut self.lifecycle else {
            return;
        };
        if let Some(meters) = &sight.meters {
            count(meters, lifecycle.last_name(), routed);
        }
        if !routed.to_consumer {
            drop(lifecycle.process_last(event));
        }
    }
}

fn count(meters: &Meters, name: Slot, routed: Routed) {
    let routing: &'static Metric = if routed.by_channel {
        &CHANNEL_ROUTING_HITS_TOTAL
    } else {
        &CHANNEL_ROUTING_FALLBACK_TOTAL
    };
    let labels = Labels::of(routing, |_| Some(name));
    meters.counter(routing, &labels).increment(1);
    if routed.lost > 0 {
        let labels = Labels::of(&EVENTS_LAGGED_TOTAL, |_| None);
        let counter = meters.counter(&EVENTS_LAGGED_TOTAL, &labels);
        counter.increment(routed.lost);
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
