//! Who is told that a channel ends.
//!
//! What is counted as active, or has a span that is open, must be taken back one day. So a channel
//! counts only as long as some connection is sure to be told of its end.

use std::collections::HashMap;

/// The channels whose ends a connection is told: what it is subscribed to has CHANNEL_HANGUP,
/// CHANNEL_HANGUP_COMPLETE or CHANNEL_DESTROY, and no filter holds them back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Every channel of the switch.
    All,
    /// The channels with these Unique-IDs; none, if the list is empty.
    Of(Vec<String>),
}

impl Default for Ends {
    /// None.
    fn default() -> Self {
        Self::Of(Vec::new())
    }
}

/// What all connections to a switch are told, together.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// So many connections are told of every end.
    all: usize,
    /// So many are told of the end of this channel.
    of: HashMap<Box<str>, usize>,
}

impl Hearing {
    pub(super) fn add(&mut self, ends: &Ends) {
        match ends {
            Ends::All => self.all += 1,
            Ends::Of(uuids) => {
                for uuid in uuids {
                    *self.of.entry(uuid.as_str().into()).or_default() += 1;
                }
            }
        }
    }

    /// Takes back what was added.
    pub(super) fn remove(&mut self, ends: &Ends) {
        match ends {
            Ends::All => self.all = self.all.saturating_sub(1),
            Ends::Of(uuids) => {
                for uuid in uuids {
                    if let Some(count) = self.of.get_mut(uuid.as_str()) {
                        *count -= 1;
                        if *count == 0 {
                            self.of.remove(uuid.as_str());
                        }
                    }
                }
            }
        }
    }

    /// Whether anybody is told of the end of this channel.
    pub(super) fn covers(&self, uuid: &str) -> bool {
        self.all > 0 || self.of.contains_key(uuid)
    }

    pub(super) fn covers_all(&self) -> bool {
        self.all > 0
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.all == 0 && self.of.is_empty()
    }
}
