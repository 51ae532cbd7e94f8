//! Lines in the memory of one process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{oneshot, watch};

use super::backend::{Entry, Fence, Place, QueueBackend, QueueItem, QueueState, Refusal};
use crate::Result;

/// Keeps the lines in memory: for one process. Clones share them.
///
/// A queue without items is forgotten unless its limit was set or it is watched.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> genesis_ringgroup::Result<()> {
/// use genesis_ringgroup::queue::{MemoryQueue, Queue, QueueBackend};
///
/// let lines = MemoryQueue::new();
/// let _slot = Queue::new(lines.clone()).slot("support", Default::default()).await?;
/// assert_eq!(lines.state("support").await?.in_use, 1);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryQueue {
    lines: Arc<Mutex<HashMap<String, Line>>>,
}

impl MemoryQueue {
    /// No lines yet.
    ///
    /// ```
    /// use genesis_ringgroup::queue::{MemoryQueue, Queue};
    ///
    /// let [sales, support] = [MemoryQueue::new(), MemoryQueue::new()].map(Queue::new); // nothing in common
    /// # let _ = (sales, support);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<String, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes one line, then serves and tells whoever is concerned.
    fn change<T>(&self, queue: &str, change: impl FnOnce(&mut Line) -> T) -> T {
        let mut lines = self.lines();
        let line = lines.entry(queue.to_owned()).or_default();
        let result = change(line);
        if line.by_item.is_empty() {
            line.declared = 1;
        }
        line.serve();
        line.tell();
        if line.is_idle() {
            lines.remove(queue);
        }
        result
    }
}

#[derive(Debug)]
struct Line {
    declared: usize,
    set: Option<usize>,
    arrivals: u64,
    waiting: BTreeMap<u64, Member>,
    holding: BTreeMap<u64, Member>,
    by_item: HashMap<String, u64>,
    watchers: watch::Sender<Option<QueueState>>,
    followed: bool,
}

#[derive(Debug)]
struct Member {
    entry: Entry,
    ahead: usize,
    place: watch::Sender<Place>,
    positions: Option<watch::Sender<Option<usize>>>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            declared: 1,
            set: None,
            arrivals: 0,
            waiting: BTreeMap::new(),
            holding: BTreeMap::new(),
            by_item: HashMap::new(),
            watchers: watch::Sender::new(None),
            followed: false,
        }
    }
}

impl Line {
    fn limit(&self) -> usize {
        self.set.unwrap_or(self.declared)
    }

    fn state(&self) -> QueueState {
        QueueState::new(self.waiting.len(), self.holding.len(), self.limit())
    }

    fn is_idle(&self) -> bool {
        self.by_item.is_empty() && self.set.is_none() && self.watchers.receiver_count() == 0
    }

    fn enter(&mut self, queue: &str, entry: Entry) -> watch::Receiver<Place> {
        if self.by_item.contains_key(entry.item()) {
            let refused = Place::Refused(entry.refusal(queue, Refusal::Duplicate));
            return watch::channel(refused).1;
        }
        if let Some(limit) = entry.limit() {
            self.declared = limit;
            self.serve();
        }
        let ahead = self.waiting.len();
        let at_once = ahead == 0 && self.holding.len() < self.limit();
        if ahead >= entry.max_waiting() && !at_once {
            return watch::channel(Place::Refused(entry.refusal(queue, Refusal::Full))).1;
        }
        let (place, receiver) = watch::channel(Place::Waiting { ahead });
        self.arrivals += 1;
        self.by_item.insert(entry.item().to_owned(), self.arrivals);
        let member = Member {
            entry,
            ahead,
            place,
            positions: None,
        };
        self.waiting.insert(self.arrivals, member);
        receiver
    }

    fn leave(&mut self, entry: &Entry) {
        let Some(&arrival) = self.by_item.get(entry.item()) else {
            return;
        };
        for members in [&mut self.waiting, &mut self.holding] {
            let is_it = |member: &Member| member.entry.ticket() == entry.ticket();
            if members.get(&arrival).is_some_and(is_it) {
                members.remove(&arrival);
                self.by_item.remove(entry.item());
                return;
            }
        }
    }

    fn serve(&mut self) {
        while self.holding.len() < self.limit() {
            let Some((arrival, member)) = self.waiting.pop_first() else {
                return;
            };
            if let Some(positions) = &member.positions {
                positions.send_replace(Some(0));
            }
            member.place.send_replace(Place::Granted {
                ahead: member.ahead,
                fence: Fence::never(),
            });
            self.holding.insert(arrival, member);
        }
    }

    fn tell(&mut self) {
        let state = Some(self.state());
        self.watchers.send_if_modified(|told| {
            let news = *told != state;
            *told = state;
            news
        });
        if !self.followed {
            return;
        }
        self.followed = false;
        for (index, member) in self.waiting.values_mut().enumerate() {
            let Some(positions) = &member.positions else {
                continue;
            };
            if positions.receiver_count() == 0 {
                member.positions = None;
                continue;
            }
            self.followed = true;
            positions.send_if_modified(|told| told.replace(index + 1) != Some(index + 1));
        }
    }

    fn follow(&mut self, entry: &Entry) -> watch::Receiver<Option<usize>> {
        let arrival = self.by_item.get(entry.item()).copied().unwrap_or_default();
        if self.holding.contains_key(&arrival) {
            return watch::channel(Some(0)).1;
        }
        let Some(member) = self.waiting.get_mut(&arrival) else {
            return watch::channel(None).1;
        };
        self.followed = true;
        let positions = member
            .positions
            .get_or_insert_with(|| watch::Sender::new(None));
        positions.subscribe()
    }
}

#[async_trait]
impl QueueBackend for MemoryQueue {
    fn enter(&self, queue: &str, entry: Entry) -> watch::Receiver<Place> {
        self.change(queue, |line| line.enter(queue, entry))
    }

    fn leave(&self, queue: &str, entry: &Entry) -> oneshot::Receiver<Result<()>> {
        self.change(queue, |line| line.leave(entry));
        let (done, receiver) = oneshot::channel();
        // nobody has to listen
        let _ = done.send(Ok(()));
        receiver
    }

    fn positions(&self, queue: &str, entry: &Entry) -> watch::Receiver<Option<usize>> {
        self.change(queue, |line| line.follow(entry))
    }

    fn watch(&self, queue: &str) -> watch::Receiver<Option<QueueState>> {
        self.change(queue, |line| line.watchers.subscribe())
    }

    async fn state(&self, queue: &str) -> Result<QueueState> {
        Ok(self.change(queue, |line| line.state()))
    }

    async fn items(&self, queue: &str) -> Result<Vec<QueueItem>> {
        Ok(self.change(queue, |line| {
            let holding = line.holding.values().map(|member| (member, 0));
            let waiting = line.waiting.values().zip(1..);
            holding
                .chain(waiting)
                .map(|(member, position)| QueueItem::new(member.entry.item(), position))
                .collect()
        }))
    }

    async fn set_limit(&self, queue: &str, limit: Option<usize>) -> Result<()> {
        self.change(queue, |line| line.set = limit);
        Ok(())
    }
}
