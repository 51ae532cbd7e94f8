//! What waits to be written to one connection: bounded, as in the switch.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use genesis_proto::EventName;
use genesis_proto::session::switch::Candidate;
use regex::Regex;

use crate::switch::SwitchEvent;

/// Patterns of filters that are kept compiled, per connection.
const MAX_PATTERNS: usize = 256;

/// A queue that loses what does not fit and counts it.
#[derive(Debug)]
pub(crate) struct LossyQueue<T> {
    items: VecDeque<T>,
    limit: usize,
    max_missed: usize,
    lost: usize,
}

impl<T> LossyQueue<T> {
    pub(crate) fn new(limit: usize, max_missed: usize) -> Self {
        Self {
            items: VecDeque::new(),
            limit,
            max_missed,
            lost: 0,
        }
    }

    /// Gives `false` when more than `max_missed` were lost in a row: the connection is too slow
    /// (mod_event_socket.c, `event_handler`).
    #[must_use]
    pub(crate) fn push(&mut self, item: T) -> bool {
        if self.items.len() < self.limit {
            self.lost = 0;
            self.items.push_back(item);
            return true;
        }
        self.lost += 1;
        self.lost <= self.max_missed
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// An event as the filters look at it.
pub(crate) struct Seen<'a>(pub(crate) &'a SwitchEvent);

impl Candidate for Seen<'_> {
    fn name(&self) -> &EventName {
        &self.0.name
    }

    fn subclass(&self) -> Option<Cow<'_, str>> {
        self.0.subclass.as_deref().map(Cow::Borrowed)
    }

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let headers = self.0.event().headers();
        let first = headers.iter().find(|header| header.is(name))?;
        Some(first.value())
    }
}

/// The regular expressions of one connection's filters. One that cannot be read matches nothing.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    compiled: HashMap<String, Option<Regex>>,
}

impl Patterns {
    pub(crate) fn is_match(&mut self, pattern: &str, value: &str) -> bool {
        if !self.compiled.contains_key(pattern) {
            if self.compiled.len() >= MAX_PATTERNS {
                self.compiled.clear();
            }
            self.compiled
                .insert(pattern.to_owned(), Regex::new(pattern).ok());
        }
        self.compiled
            .get(pattern)
            .and_then(Option::as_ref)
            .is_some_and(|re| re.is_match(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_in_a_row_is_what_counts() {
        let mut queue = LossyQueue::new(1, 2);
        assert!(queue.push(1));
        assert!(queue.push(2) && queue.push(3));
        assert_eq!(queue.pop(), Some(1));
        assert!(queue.push(4), "room again: the count starts anew");
        assert!(queue.push(5) && queue.push(6));
        assert!(!queue.push(7));
        assert_eq!(queue.pop(), Some(4));
        assert!(queue.is_empty());
    }

    #[test]
    fn patterns() {
        let mut patterns = Patterns::default();
        assert!(patterns.is_match("^[ab]$", "a") && !patterns.is_match("^[ab]$", "ab"));
        assert!(patterns.is_match("(?i)A", "a"));
        assert!(!patterns.is_match("(", "("));
    }
}
