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
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::channels::Channels;

/// How many numbers back an event of another connection is known. A connection that is further
/// behind than that takes events in again: calls still count once, by UUID.
const WINDOW: u64 = 65_536;
/// Numbers that stand in one word.
const IN_A_WORD: u64 = 32;
const WORDS: u64 = WINDOW / IN_A_WORD;

/// The switches that are observed, by `Core-UUID`.
#[derive(Debug, Default)]
pub(crate) struct Observers {
    switches: Mutex<HashMap<Box<str>, Weak<Switch>>>,
}

/// One switch, as long as somebody observes it.
#[derive(Debug)]
pub(crate) struct Switch {
    state: Mutex<State>,
    /// How often the state was held.
    holds: AtomicU64,
    seen: Seen,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) channels: Channels,
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

    /// The switch of this `Core-UUID`, if somebody observes it.
    pub(super) fn find(&self, core: &str) -> Option<Arc<Switch>> {
        locked(&self.switches).get(core)?.upgrade()
    }
}

impl Switch {
    pub(crate) fn new(max_channels: usize) -> Self {
        Self {
            state: Mutex::new(State {
                channels: Channels::new(max_channels),
            }),
            holds: AtomicU64::new(0),
            seen: Seen::default(),
        }
    }

    /// Held for a few look-ups only, never while code of the application runs.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        let state = locked(&self.state);
        // only who holds it writes
        let holds = self.holds.load(Ordering::Relaxed);
        self.holds.store(holds.wrapping_add(1), Ordering::Relaxed);
        state
    }

    /// How often the [`state`](Self::state) was held until now. As long as this is the same, nobody
    /// has changed anything.
    pub(crate) fn holds(&self) -> u64 {
        self.holds.load(Ordering::Relaxed)
    }

    /// Whether nobody has taken the event of this number in yet; one without a number is always
    /// new.
    pub(crate) fn is_new(&self, sequence: Option<u64>) -> bool {
        sequence.is_none_or(|sequence| self.seen.insert(sequence))
    }
}

/// The last numbers that were seen, as bits: 32 in a word, and above them which of the numbers that
/// stand at this place they are. So each event costs one step, and no lock.
#[derive(Debug, Default)]
struct Seen {
    /// Made when needed.
    words: OnceLock<Box<[AtomicU64]>>,
}

impl Seen {
    fn insert(&self, sequence: u64) -> bool {
        let words = (self.words).get_or_init(|| (0..WORDS).map(|_| AtomicU64::new(0)).collect());
        let block = sequence / IN_A_WORD;
        let bit = 1 << (sequence % IN_A_WORD);
        let round = (block / WORDS) as u32;
        let Some(word) = words.get((block % WORDS) as usize) else {
            return true;
        };
        let marked = |known: u64| {
            let (known_round, bits) = ((known >> 32) as u32, known & u64::from(u32::MAX));
            // rounds come round, too
            let newer = round.wrapping_sub(known_round) as i32;
            match newer {
                _ if bits == 0 || newer > 0 => Some((u64::from(round) << 32) | bit),
                0 if bits & bit == 0 => Some(known | bit),
                _ => None,
            }
        };
        match word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, marked) {
            Ok(_) => true,
            // too old to tell, or seen
            Err(known) => (known >> 32) as u32 != round,
        }
    }
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
        let seen = Seen::default();
        for number in [0, 10, 12, 11, 9, 70_000, 69_999] {
            assert!(seen.insert(number), "{number}");
        }
        for number in [70_000, 69_999, 10] {
            assert!(!seen.insert(number), "{number}");
        }
        // takes the place of the first ones, which are too old to tell then
        assert!(seen.insert(WINDOW));
        assert!(seen.insert(10) && seen.insert(10) && !seen.insert(WINDOW));
        // far ahead, as a forged number: the others are told apart as before
        assert!(seen.insert(u64::MAX) && !seen.insert(u64::MAX));
        assert!(seen.insert(70_001) && !seen.insert(70_001));
    }

    #[test]
    fn numbers_that_come_round_are_new() {
        let seen = Seen::default();
        assert!((0..3 * WINDOW).all(|number| seen.insert(number)));
        assert!((2 * WINDOW..3 * WINDOW).all(|number| !seen.insert(number)));
    }

    #[test]
    fn a_number_is_new_to_one_of_many() {
        let seen = Seen::default();
        let new = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mine = (0..WINDOW).filter(|number| seen.insert(*number)).count();
                    new.fetch_add(mine as u64, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(new.into_inner(), WINDOW);
    }

    #[test]
    fn whoever_holds_the_state_is_noticed() {
        let switch = Switch::new(10);
        let before = switch.holds();
        drop(switch.state());
        assert_ne!(switch.holds(), before);
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
