//! The counts of one process, and who was chosen when.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::counts::{Counts, LISTED};

/// Of how many destinations it is remembered when they were chosen. The one that was chosen longest
/// ago is forgotten first, and counts as never chosen.
pub(super) const REMEMBERED: usize = 10_000;

/// Calls in progress per destination. It has as many entries as there are calls and destinations
/// remembered, at most.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: HashMap<Arc<str>, u64>,
    total: usize,
    /// The number of the last choice of a destination.
    chosen: HashMap<Arc<str>, u64>,
    order: BTreeMap<u64, Arc<str>>,
    choices: u64,
}

impl Tally {
    /// The place of the destination with the fewest calls; of several the one that was chosen
    /// longest ago, then the first. `None` without destinations.
    pub(super) fn least(&self, destinations: &[impl AsRef<str>]) -> Option<usize> {
        let rank = |destination: &str| {
            let chosen = self.chosen.get(destination).copied();
            // a choice has a number from 1
            (self.get(destination), chosen.unwrap_or_default())
        };
        let ranks = destinations.iter().map(|name| rank(name.as_ref()));
        // of equal ones the first
        ranks.enumerate().min_by_key(|(_, rank)| *rank)?.0.into()
    }

    /// Counts a call for a destination, which was chosen now.
    pub(super) fn choose(&mut self, destination: &str) {
        self.choices += 1;
        let name: Arc<str> = match self.chosen.remove_entry(destination) {
            Some((name, last)) => {
                self.order.remove(&last);
                name
            }
            None => destination.into(),
        };
        self.chosen.insert(Arc::clone(&name), self.choices);
        self.order.insert(self.choices, Arc::clone(&name));
        if self.order.len() > REMEMBERED
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.chosen.remove(&oldest);
        }
        self.total += 1;
        *self.counts.entry(name).or_default() += 1;
    }

    /// A call to this destination ended.
    pub(super) fn end(&mut self, destination: &str) {
        let Some(count) = self.counts.get_mut(destination) else {
            return;
        };
        self.total -= 1;
        *count -= 1;
        if *count == 0 {
            self.counts.remove(destination);
        }
    }

    pub(super) fn get(&self, destination: &str) -> u64 {
        self.counts.get(destination).copied().unwrap_or_default()
    }

    /// How many calls there are in all.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    pub(super) fn snapshot(&self, local_fallback: bool) -> Counts {
        let listed = self.counts.iter().take(LISTED);
        let listed = listed.map(|(name, count)| (name.to_string(), *count));
        Counts::new(listed, self.counts.len() as u64, local_fallback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_loaded_then_the_longest_unchosen_then_the_first() {
        let mut tally = Tally::default();
        let all = ["a", "b", "c"];
        let mut chosen = Vec::new();
        for _ in 0..5 {
            let index = tally.least(&all).unwrap();
            tally.choose(all[index]);
            chosen.push(index);
        }
        assert_eq!(chosen, [0, 1, 2, 0, 1]);
        // b has one left, c has one, c was chosen before b
        tally.end("b");
        tally.end("a");
        tally.end("a");
        assert_eq!(tally.least(&all), Some(0));
        tally.choose("a");
        assert_eq!(tally.least(&all), Some(2));
        assert_eq!(tally.least(&["b", "a"]), Some(0));
        assert_eq!(tally.least(&[] as &[&str]), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut tally = Tally::default();
        for number in 0..REMEMBERED + 10 {
            let name = number.to_string();
            tally.choose(&name);
            tally.end(&name);
        }
        assert_eq!(tally.chosen.len(), REMEMBERED);
        assert_eq!(tally.order.len(), REMEMBERED);
        assert_eq!((tally.total(), tally.counts.len()), (0, 0));
        // the first ones are forgotten, so they come first again
        assert_eq!(tally.least(&["10", "9"]), Some(1));
    }

    #[test]
    fn ending_what_never_began_changes_nothing() {
        let mut tally = Tally::default();
        tally.choose("a");
        tally.end("b");
        tally.end("a");
        tally.end("a");
        assert_eq!((tally.get("a"), tally.get("b"), tally.total()), (0, 0, 0));
    }
}
