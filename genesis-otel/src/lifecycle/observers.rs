//! Who observes which switch.
//!
//! Two connections to one switch see the same events. They share the memory of that switch's
//! channels, and an event that one of them has taken in is left out by the other: the switch
//! numbers its events (`Event-Sequence`) and sends every listener the same number. So each may
//! subscribe to what it likes, and when one goes the other goes on with what is known.
//!
//! The registry is part of a [`Telemetry`](crate::Telemetry), not of the process: nothing global is
//! needed, and tests do not see each other. Connections belong together when they were given clones
//! of one value.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::channels::Channels;

/// How many numbers back an event of another connection is known. A connection that is further
/// behind than that takes events in again: calls still count once, by UUID.
const WINDOW: u64 = 65_536;

/// The switches that are observed, by `Core-UUID`.
#[derive(Debug, Default)]
pub(crate) struct Observers {
    switches: Mutex<HashMap<Box<str>, Weak<Switch>>>,
}

/// One switch, as long as somebody observes it.
#[derive(Debug)]
pub(crate) struct Switch {
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) channels: Channels,
    seen: Seen,
}

impl Observers {
    /// The switch of this `Core-UUID`, shared by all who observe it. Whoever drops the last one
    /// forgets its channels.
    pub(crate) fn join(&self, core: &str, max_channels: usize) -> Arc<Switch> {
        let mut switches = locked(&self.switches);
        if let Some(switch) = switches.get(core).and_then(Weak::upgrade) {
            return switch;
        }
        switches.retain(|_, switch| switch.strong_count() > 0);
        let switch = Arc::new(Switch::new(max_channels));
        switches.insert(core.into(), Arc::downgrade(&switch));
        switch
    }
}

impl Switch {
    pub(crate) fn new(max_channels: usize) -> Self {
        Self {
            state: Mutex::new(State {
                channels: Channels::new(max_channels),
                seen: Seen::default(),
            }),
        }
    }

    /// Held for a few look-ups only, never while code of the application runs.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl State {
    /// Whether nobody has taken the event of this number in yet; one without a number is always
    /// new.
    pub(crate) fn is_new(&mut self, sequence: Option<u64>) -> bool {
        sequence.is_none_or(|sequence| self.seen.insert(sequence))
    }
}

/// The last numbers that were seen, as bits.
#[derive(Debug, Default)]
struct Seen {
    /// Empty until needed.
    bits: Vec<u64>,
    newest: u64,
}

impl Seen {
    fn insert(&mut self, sequence: u64) -> bool {
        if self.bits.is_empty() {
            self.bits = vec![0; (WINDOW / 64) as usize];
            self.newest = sequence;
        }
        if sequence > self.newest {
            if sequence - self.newest >= WINDOW {
                self.bits.fill(0);
            } else {
                for number in self.newest + 1..=sequence {
                    let (word, bit) = place(number);
                    self.bits[word] &= !bit;
                }
            }
            self.newest = sequence;
        } else if self.newest - sequence >= WINDOW {
            return true;
        }
        let (word, bit) = place(sequence);
        let is_new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        is_new
    }
}

fn place(sequence: u64) -> (usize, u64) {
    let at = sequence % WINDOW;
    ((at / 64) as usize, 1 << (at % 64))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // what is in it is whole after every step
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once() {
        let mut seen = Seen::default();
        for number in [10, 12, 11, 9, 70_000, 69_999] {
            assert!(seen.insert(number), "{number}");
        }
        for number in [70_000, 69_999] {
            assert!(!seen.insert(number), "{number}");
        }
        // too old to tell
        assert!(seen.insert(10) && seen.insert(10));
        // far ahead, as after a restart or a forged number: what follows is told apart again
        assert!(seen.insert(u64::MAX) && !seen.insert(u64::MAX));
        assert!(seen.insert(5) && seen.insert(5));
    }

    #[test]
    fn numbers_that_come_round_are_new() {
        let mut seen = Seen::default();
        assert!((0..3 * WINDOW).all(|number| seen.insert(number)));
        assert!((2 * WINDOW..3 * WINDOW).all(|number| !seen.insert(number)));
    }

    #[test]
    fn a_switch_is_shared_while_somebody_observes_it() {
        let observers = Observers::default();
        let first = observers.join("a", 10);
        let second = observers.join("a", 10);
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &observers.join("b", 10)));
        drop((first, second));
        observers.join("c", 10);
        assert_eq!(locked(&observers.switches).len(), 1);
    }
}
