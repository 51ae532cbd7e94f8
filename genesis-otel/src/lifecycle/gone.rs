//! Channels that are no more.

use std::collections::{BTreeMap, HashMap};

use opentelemetry::trace::SpanContext;

/// So many are known by UUID, for events that come late.
const MAX: usize = 1_024;

/// Channels that are no more, and their first spans.
#[derive(Debug, Default)]
pub(super) struct Gone {
    by_uuid: HashMap<Box<str>, Ended>,
    by_age: BTreeMap<u64, Box<str>>,
    next: u64,
}

#[derive(Debug)]
struct Ended {
    order: u64,
    root: Option<SpanContext>,
    /// When, in microseconds of the switch.
    at: Option<u64>,
}

impl Gone {
    pub(super) fn remember(&mut self, uuid: &str, root: Option<SpanContext>, at: Option<u64>) {
        self.remove(uuid);
        if self.by_uuid.len() >= MAX
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.by_uuid.remove(&oldest);
        }
        let order = self.next;
        self.next += 1;
        self.by_age.insert(order, uuid.into());
        self.by_uuid.insert(uuid.into(), Ended { order, root, at });
    }

    pub(super) fn remove(&mut self, uuid: &str) {
        if let Some(ended) = self.by_uuid.remove(uuid) {
            self.by_age.remove(&ended.order);
        }
    }

    pub(super) fn contains(&self, uuid: &str) -> bool {
        self.by_uuid.contains_key(uuid)
    }

    pub(super) fn root(&self, uuid: &str) -> Option<SpanContext> {
        self.by_uuid.get(uuid)?.root.clone()
    }

    /// Whether an event that was made at `at` is of a channel that is gone, rather than of another
    /// one with the same UUID. The switch stamps events when it makes them and sends them in
    /// another order now and then.
    pub(super) fn is_of(&self, uuid: &str, at: Option<u64>) -> bool {
        let ended = self.by_uuid.get(uuid).and_then(|ended| ended.at);
        at.zip(ended).is_some_and(|(at, ended)| at <= ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_and_each_is_there_once() {
        let mut gone = Gone::default();
        for number in 0..MAX {
            gone.remember(&number.to_string(), None, Some(1));
        }
        // the same one again is the youngest
        gone.remove("0");
        gone.remember("0", None, Some(2));
        gone.remember("1", None, Some(3));
        gone.remember("new", None, None);
        assert_eq!((gone.by_uuid.len(), gone.by_age.len()), (MAX, MAX));
        assert!(gone.contains("0") && gone.contains("1") && !gone.contains("2"));
        assert!(gone.is_of("0", Some(2)) && !gone.is_of("0", Some(3)));
        assert!(!gone.is_of("0", None) && !gone.is_of("new", Some(0)));
    }
}
