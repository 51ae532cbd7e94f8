//! All channels of a switch, and the limits on making them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::SessionCounters;
use super::channel::Channel;
use super::options::SwitchOptions;

/// Why no channel can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `max_sessions` are up.
    TooMany,
    /// `sessions_per_second` were made in this second.
    TooFast,
    /// A channel has this Unique-ID.
    Duplicate,
}

/// Channels by Unique-ID and by age.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    by_uuid: HashMap<String, u64>,
    by_age: BTreeMap<u64, Arc<Channel>>,
    since_startup: u64,
    peak: usize,
    second: u64,
    in_second: u32,
    per_second_peak: u32,
}

impl Registry {
    pub(crate) fn len(&self) -> usize {
        self.by_age.len()
    }

    pub(crate) fn get(&self, uuid: &str) -> Option<Arc<Channel>> {
        self.by_age.get(self.by_uuid.get(uuid)?).cloned()
    }

    /// Oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Channel>> {
        self.by_age.values().cloned().collect()
    }

    /// Makes a channel with the next session id, unless a limit forbids it (switch_core_session.c,
    /// `switch_core_session_request_uuid`).
    pub(crate) fn add(
        &mut self,
        uuid: &str,
        now_micros: u64,
        options: &SwitchOptions,
        make: impl FnOnce(u64) -> Channel,
    ) -> Result<Arc<Channel>, Refusal> {
        self.turn_second(now_micros);
        if self.by_uuid.contains_key(uuid) {
            return Err(Refusal::Duplicate);
        }
        if self.by_age.len() >= options.max_sessions {
            return Err(Refusal::TooMany);
        }
        if self.in_second >= options.sessions_per_second {
            return Err(Refusal::TooFast);
        }
        self.in_second += 1;
        self.per_second_peak = self.per_second_peak.max(self.in_second);
        self.since_startup += 1;
        let id = self.since_startup;
        let channel = Arc::new(make(id));
        self.by_uuid.insert(channel.uuid.clone(), id);
        self.by_age.insert(id, channel.clone());
        self.peak = self.peak.max(self.by_age.len());
        Ok(channel)
    }

    pub(crate) fn remove(&mut self, uuid: &str) {
        if let Some(id) = self.by_uuid.remove(uuid) {
            self.by_age.remove(&id);
        }
    }

    pub(crate) fn counters(&mut self, now_micros: u64) -> SessionCounters {
        self.turn_second(now_micros);
        SessionCounters {
            count: self.by_age.len(),
            since_startup: self.since_startup,
            peak: self.peak,
            last_second: self.in_second,
            per_second_peak: self.per_second_peak,
        }
    }

    fn turn_second(&mut self, now_micros: u64) {
        let second = now_micros / 1_000_000;
        if second != self.second {
            self.second = second;
            self.in_second = 0;
        }
    }
}
