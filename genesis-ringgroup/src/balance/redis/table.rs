//! What one member knows of its own calls.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::scripts::Args;
use crate::balance::tally::Tally;
use crate::balance::too_many_loads;
use crate::{Error, ErrorKind, Result};

/// The name of a counted call: who counted it, and its number there.
pub(super) type Id = Arc<str>;

/// How many calls one script gives back.
const BATCH: usize = 1000;

/// A call as this member knows it.
#[derive(Debug)]
enum Entry {
    /// Redis was asked to count it, or to let us have it, and has not answered.
    Unsure,
    Counted {
        destination: Arc<str>,
        /// Empty while it rings.
        uuid: String,
    },
}

/// Who waits until a call was given back.
pub(super) type Waiter = oneshot::Sender<Result<()>>;

/// A call that ended and that Redis still counts.
#[derive(Debug)]
pub(super) struct Released {
    pub(super) id: Id,
    pub(super) waiter: Option<Waiter>,
}

#[derive(Debug)]
pub(super) struct Table {
    member: String,
    limit: usize,
    newest: u64,
    entries: HashMap<Id, Entry>,
    /// The counts of this member alone, for when Redis is away.
    tally: Tally,
    released: Vec<Released>,
    /// Redis may know other calls than we do.
    pub(super) out_of_step: bool,
    /// Redis did not answer when it was last asked.
    pub(super) away: bool,
    /// Nobody uses this member any more, or it was closed: nothing new is counted.
    pub(super) closing: bool,
    /// It has left Redis, with all its calls.
    left: bool,
    /// It has made itself known in Redis.
    pub(super) introduced: bool,
}

impl Table {
    pub(super) fn new(member: String, limit: usize) -> Self {
        Self {
            member,
            limit,
            newest: 0,
            entries: HashMap::new(),
            tally: Tally::default(),
            released: Vec::new(),
            out_of_step: false,
            away: false,
            closing: false,
            left: false,
            introduced: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    fn id(&self, number: u64) -> Id {
        format!("{}-{number:016x}", self.member).into()
    }

    fn next_id(&mut self) -> Result<Id> {
        if self.closing {
            return Err(closed());
        }
        if self.entries.len() >= self.limit {
            return Err(too_many_loads(self.limit));
        }
        self.newest += 1;
        Ok(self.id(self.newest))
    }

    /// A call that Redis is going to be asked to count.
    pub(super) fn begin(&mut self) -> Result<Id> {
        let id = self.next_id()?;
        self.entries.insert(Arc::clone(&id), Entry::Unsure);
        self.introduced = true;
        Ok(id)
    }

    /// Redis has counted it. Gives `false` if the member was closed meanwhile.
    pub(super) fn counted(&mut self, id: &Id, destination: &str) -> bool {
        if !self.closing {
            self.tally.choose(destination);
            self.enter(id, destination, "");
        }
        !self.closing
    }

    fn enter(&mut self, id: &Id, destination: &str, uuid: &str) {
        let counted = Entry::Counted {
            destination: destination.into(),
            uuid: uuid.to_owned(),
        };
        self.entries.insert(Arc::clone(id), counted);
    }

    /// Chooses from our own calls alone; Redis hears of it with the next synchronisation.
    pub(super) fn choose_alone(&mut self, destinations: &[&str]) -> Result<(usize, Id)> {
        let id = self.next_id()?;
        let index = self.tally.least(destinations).unwrap_or_default();
        self.counted(&id, destinations[index]);
        self.out_of_step = true;
        Ok((index, id))
    }

    /// The call is up. Gives whether it is one of ours.
    pub(super) fn answered(&mut self, id: &Id, unique_id: &str) -> bool {
        match self.entries.get_mut(id) {
            Some(Entry::Counted { uuid, .. }) => {
                unique_id.clone_into(uuid);
                true
            }
            _ => false,
        }
    }

    /// Calls that somebody else left, of which Redis is going to be asked to let us have them.
    pub(super) fn claim(&mut self, ids: impl IntoIterator<Item = Id>) {
        for id in ids {
            if self.entries.len() < self.limit {
                self.entries.entry(id).or_insert(Entry::Unsure);
            }
        }
    }

    /// Redis let us have it.
    pub(super) fn adopted(&mut self, id: &Id, destination: &str, uuid: &str) {
        self.enter(id, destination, uuid);
    }

    /// It belongs to somebody else.
    pub(super) fn forget(&mut self, id: &str) {
        if let Some(Entry::Counted { destination, .. }) = self.entries.remove(id) {
            self.tally.end(&destination);
        }
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.entries.contains_key(id)
    }

    /// Redis is going to be asked to count it without us. Gives whether it is one of ours.
    pub(super) fn detach(&mut self, id: &Id) -> bool {
        let known = self.has(id);
        if known {
            self.forget(id);
            self.entries.insert(Arc::clone(id), Entry::Unsure);
        }
        known
    }

    /// The call ended.
    pub(super) fn release(&mut self, id: &Id, waiter: Option<Waiter>) {
        self.forget(id);
        if self.left {
            // it was given back with all others
            let id = Arc::clone(id);
            return tell(vec![Released { id, waiter }], &Ok(()));
        }
        // a synchronisation will not name it, which says the same
        if waiter.is_some() || !self.out_of_step {
            let id = Arc::clone(id);
            self.released.push(Released { id, waiter });
        }
    }

    /// Some of the calls that ended, as many as one script should have.
    pub(super) fn take_released(&mut self) -> Vec<Released> {
        let count = self.released.len().min(BATCH);
        self.released.drain(..count).collect()
    }

    /// Everything for a synchronisation, and those who wait for what it covers.
    pub(super) fn take_all(&mut self, watches: bool) -> (Args, Vec<Released>) {
        let kind = if watches { "adopted" } else { "own" };
        let mut args = Args::default().with(self.id(self.newest));
        for (id, entry) in &self.entries {
            args.push(id);
            match entry {
                Entry::Unsure => ["unsure", "", ""].map(|arg| args.push(arg)),
                Entry::Counted { destination, uuid } => {
                    [kind, uuid, &**destination].map(|arg| args.push(arg))
                }
            };
        }
        self.out_of_step = false;
        self.introduced = true;
        (args, std::mem::take(&mut self.released))
    }

    /// Whether a call rings, or it is not known whether Redis counts it.
    pub(super) fn is_unsettled(&self) -> bool {
        self.entries.values().any(|entry| match entry {
            Entry::Unsure => true,
            Entry::Counted { uuid, .. } => uuid.is_empty(),
        })
    }

    /// Has Redis told everything, and the waiter how that went.
    pub(super) fn settle(&mut self, waiter: Waiter) {
        let told = Released {
            id: self.id(0),
            waiter: Some(waiter),
        };
        if self.left {
            return tell(vec![told], &Ok(()));
        }
        // a synchronisation comes first, and takes those who wait along
        self.out_of_step = true;
        self.released.push(told);
    }

    /// The member has left Redis, and its calls with it. Gives those who wait for one of them.
    pub(super) fn leave(&mut self) -> Vec<Released> {
        self.left = true;
        self.entries.clear();
        self.tally = Tally::default();
        std::mem::take(&mut self.released)
    }

    /// What Redis should know: number of calls, sum of their numbers, the newest id, and the ids of
    /// which we are not sure.
    pub(super) fn summary(&mut self) -> Args {
        let (mut count, mut sum) = (0_u64, 0_u64);
        let mut unsure = Vec::new();
        for (id, entry) in &self.entries {
            match entry {
                Entry::Unsure => unsure.push(id),
                Entry::Counted { .. } => {
                    count += 1;
                    sum += number(id);
                }
            }
        }
        let mut args = Args::default().with(count).with(sum);
        args.push(self.id(self.newest));
        for id in unsure {
            args.push(id);
        }
        self.introduced = true;
        args
    }

    /// Redis failed: what it did of the last step is unknown.
    pub(super) fn failed(&mut self) {
        self.out_of_step = true;
        self.away = true;
    }

    pub(super) fn has_released(&self) -> bool {
        !self.released.is_empty()
    }
}

/// The error of counting with a balancer that was closed.
pub(super) fn closed() -> Error {
    Error::new(
        ErrorKind::Backend,
        "this balancer was closed and counts no more calls; connect a new one",
    )
}

/// Tells those who waited how it went.
pub(super) fn tell(released: Vec<Released>, outcome: &Result<(), Error>) {
    for Released { waiter, .. } in released {
        if let Some(waiter) = waiter {
            // whoever asked may have left
            let _ = waiter.send(outcome.clone());
        }
    }
}

/// The number of an id, which is its last 16 digits.
fn number(id: &str) -> u64 {
    let digits = id.rsplit('-').next().unwrap_or_default();
    u64::from_str_radix(digits, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::new("0123456789abcdef0123456789abcdef".to_owned(), 3)
    }

    #[test]
    fn the_summary_counts_what_is_sure() {
        let mut table = table();
        let first = table.begin().unwrap();
        let second = table.begin().unwrap();
        let unsure = table.begin().unwrap();
        assert!(table.begin().is_err());
        table.counted(&first, "a");
        table.counted(&second, "b");
        let summary = table.summary();
        assert_eq!(summary.refs(), ["2", "3", &*unsure, &*unsure]);
        table.release(&second, None);
        assert_eq!(table.summary().refs()[..2], ["1", "1"]);
        assert_eq!((table.tally().get("a"), table.tally().get("b")), (1, 0));
    }

    #[test]
    fn a_synchronisation_covers_what_was_released() {
        let mut table = table();
        let (index, id) = table.choose_alone(&["a", "b"]).unwrap();
        assert_eq!(index, 0);
        assert!(table.answered(&id, "7f4d"));
        let (args, released) = table.take_all(false);
        assert!(released.is_empty() && !table.out_of_step);
        assert_eq!(args.refs()[1..], [&*id, "own", "7f4d", "a"]);

        // while Redis is away nothing piles up
        table.failed();
        table.release(&id, None);
        assert!(!table.has_released());
        let (args, _) = table.take_all(false);
        assert_eq!(args.refs().len(), 1);
        // when it is not, the release is a step of its own
        let (_, id) = table.choose_alone(&["a"]).unwrap();
        table.take_all(false);
        table.release(&id, None);
        assert_eq!(table.take_released().len(), 1);
    }

    #[tokio::test]
    async fn after_it_left_nothing_is_counted_and_nobody_waits() {
        let mut table = table();
        let (_, id) = table.choose_alone(&["a"]).unwrap();
        let late = table.begin().unwrap();
        table.closing = true;
        assert!(!table.counted(&late, "a"));
        assert!(table.begin().unwrap_err().to_string().contains("closed"));
        assert!(table.choose_alone(&["a"]).is_err());
        assert!(table.leave().is_empty() && table.is_empty());
        assert_eq!(table.tally().get("a"), 0);
        assert!(!table.answered(&id, "7f4d"));
        let (waiter, told) = oneshot::channel();
        table.release(&id, Some(waiter));
        told.await.unwrap().unwrap();
    }
}
