//! Delivery of events and log lines to whoever listens.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

/// What feeds can be found by.
pub(crate) trait Keyed {
    /// What it belongs to, in any case. A feed that wants one of these gets it.
    fn keys(&self) -> impl Iterator<Item = &str>;
}

/// What a feed gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Interest {
    #[default]
    Everything,
    /// What has one of these keys, which are in lower case.
    Keys(BTreeSet<String>),
}

/// What one listener hears. It queues without bound: drain it at once and bound your own queue.
#[derive(Debug)]
pub struct Feed<T> {
    receiver: mpsc::UnboundedReceiver<T>,
    place: Place<T>,
}

impl<T> Feed<T> {
    /// The next one; `None` after the switch has shut down and everything was read.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<T> {
        self.receiver.recv().await
    }

    /// The next one if it is there already.
    pub fn try_recv(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }

    /// How many wait to be read.
    pub fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Whether none waits to be read.
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    /// From now on it gets only this.
    pub(crate) fn narrow(&self, interest: Interest) {
        if let Some(feeds) = lock(&self.place.feeds).as_mut() {
            feeds.set_interest(self.place.id, interest);
        }
    }
}

/// A feed's place on its bus.
#[derive(Debug)]
struct Place<T> {
    id: u64,
    feeds: Shared<T>,
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        // the sender is dropped when the lock is free again
        let _sender = lock(&self.feeds)
            .as_mut()
            .and_then(|feeds| feeds.remove(self.id));
    }
}

/// `None` once the bus is closed.
type Shared<T> = Arc<Mutex<Option<Feeds<T>>>>;

fn lock<T>(feeds: &Shared<T>) -> MutexGuard<'_, Option<Feeds<T>>> {
    feeds.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All feeds, by what they want: what none of them wants costs the same however many there are.
#[derive(Debug)]
struct Feeds<T> {
    next: u64,
    by_id: BTreeMap<u64, Listening<T>>,
    want_everything: BTreeSet<u64>,
    by_key: HashMap<String, BTreeSet<u64>>,
}

#[derive(Debug)]
struct Listening<T> {
    sender: mpsc::UnboundedSender<T>,
    interest: Interest,
}

impl<T> Default for Feeds<T> {
    fn default() -> Self {
        Self {
            next: 0,
            by_id: BTreeMap::new(),
            want_everything: BTreeSet::new(),
            by_key: HashMap::new(),
        }
    }
}

impl<T> Feeds<T> {
    fn add(&mut self, id: u64, listening: Listening<T>) {
        match &listening.interest {
            Interest::Everything => drop(self.want_everything.insert(id)),
            Interest::Keys(keys) => {
                for key in keys {
                    self.by_key.entry(key.clone()).or_default().insert(id);
                }
            }
        }
        self.by_id.insert(id, listening);
    }

    fn remove(&mut self, id: u64) -> Option<Listening<T>> {
        let listening = self.by_id.remove(&id)?;
        match &listening.interest {
            Interest::Everything => drop(self.want_everything.remove(&id)),
            Interest::Keys(keys) => {
                for key in keys {
                    if let Some(ids) = self.by_key.get_mut(key) {
                        ids.remove(&id);
                        if ids.is_empty() {
                            self.by_key.remove(key);
                        }
                    }
                }
            }
        }
        Some(listening)
    }

    fn set_interest(&mut self, id: u64, interest: Interest) {
        if let Some(listening) = self.remove(id) {
            let sender = listening.sender;
            self.add(id, Listening { sender, interest });
        }
    }
}

impl<T: Clone + Keyed> Feeds<T> {
    fn send(&self, thing: &T) {
        for id in &self.want_everything {
            self.send_to(*id, thing);
        }
        if self.by_key.is_empty() {
            return;
        }
        let mut sent: Vec<u64> = Vec::new();
        for key in thing.keys() {
            let ids = match key.bytes().any(|byte| byte.is_ascii_uppercase()) {
                true => self.by_key.get(&key.to_ascii_lowercase()),
                false => self.by_key.get(key),
            };
            for id in ids.into_iter().flatten() {
                if !sent.contains(id) {
                    sent.push(*id);
                    self.send_to(*id, thing);
                }
            }
        }
    }

    fn send_to(&self, id: u64, thing: &T) {
        if let Some(listening) = self.by_id.get(&id) {
            // one that is being dropped reads no more
            let _ = listening.sender.send(thing.clone());
        }
    }
}

/// Sends to all feeds that want it; those that are gone are forgotten.
#[derive(Debug)]
pub(crate) struct Bus<T> {
    feeds: Shared<T>,
}

impl<T: Clone + Keyed> Bus<T> {
    pub(crate) fn new() -> Self {
        Self {
            feeds: Arc::new(Mutex::new(Some(Feeds::default()))),
        }
    }

    /// A feed of everything.
    pub(crate) fn subscribe(&self) -> Feed<T> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut id = 0;
        if let Some(feeds) = lock(&self.feeds).as_mut() {
            id = feeds.next;
            feeds.next += 1;
            let interest = Interest::Everything;
            feeds.add(id, Listening { sender, interest });
        }
        let feeds = self.feeds.clone();
        Feed {
            receiver,
            place: Place { id, feeds },
        }
    }

    /// Makes the thing and sends it, so that the order of making is the order of arrival.
    pub(crate) fn publish(&self, make: impl FnOnce() -> T) {
        let feeds = lock(&self.feeds);
        let thing = make();
        if let Some(feeds) = feeds.as_ref() {
            feeds.send(&thing);
        }
    }

    /// Ends all feeds; later subscribers get one that has ended.
    pub(crate) fn close(&self) {
        lock(&self.feeds).take();
    }

    pub(crate) fn has_listeners(&self) -> bool {
        lock(&self.feeds)
            .as_ref()
            .is_some_and(|feeds| !feeds.by_id.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Keyed for &'static str {
        fn keys(&self) -> impl Iterator<Item = &str> {
            self.split(' ')
        }
    }

    fn keys(keys: &[&str]) -> Interest {
        Interest::Keys(keys.iter().map(|key| (*key).to_owned()).collect())
    }

    fn read(feed: &mut Feed<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| feed.try_recv()).collect()
    }

    #[test]
    fn a_feed_gets_what_it_wants_and_once() {
        let bus = Bus::new();
        let (mut all, mut one, mut two) = (bus.subscribe(), bus.subscribe(), bus.subscribe());
        bus.publish(|| "z");
        one.narrow(keys(&["a"]));
        two.narrow(keys(&["a", "b"]));
        for thing in ["a", "b A", "c"] {
            bus.publish(|| thing);
        }
        assert_eq!(read(&mut all), ["z", "a", "b A", "c"]);
        assert_eq!(read(&mut one), ["z", "a", "b A"]);
        assert_eq!(read(&mut two), ["z", "a", "b A"]);
        one.narrow(Interest::Everything);
        two.narrow(keys(&[]));
        bus.publish(|| "a");
        bus.publish(|| "d");
        assert_eq!(read(&mut one), ["a", "d"]);
        assert_eq!(read(&mut two), [""; 0]);
    }

    #[test]
    fn a_feed_that_is_dropped_leaves_nothing_behind() {
        let bus: Bus<&'static str> = Bus::new();
        let (all, one) = (bus.subscribe(), bus.subscribe());
        one.narrow(keys(&["a", "b"]));
        drop(all);
        assert!(bus.has_listeners());
        drop(one);
        assert!(!bus.has_listeners());
        let feeds = lock(&bus.feeds);
        let feeds = feeds.as_ref().unwrap();
        assert!(feeds.by_key.is_empty() && feeds.want_everything.is_empty());
    }

    #[test]
    fn a_closed_bus_ends_its_feeds() {
        let bus = Bus::new();
        let mut before = bus.subscribe();
        bus.publish(|| "a");
        bus.close();
        bus.publish(|| "b");
        let mut after = bus.subscribe();
        assert_eq!(read(&mut before), ["a"]);
        assert!(before.receiver.is_closed() && after.try_recv().is_none());
        assert!(!bus.has_listeners());
    }
}
