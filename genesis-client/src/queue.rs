//! A bounded queue between the connection and one subscriber.
//!
//! The connection never waits: when the queue is full the policy says what is dropped, and the
//! subscriber sees how much.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Room for so many items is kept while the queue is empty: an item is some 200 bytes.
const KEEP: usize = 4;

/// What happens when a subscriber's queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest items make room; `Lagged(n)` stands where they were. For code that follows the
    /// present state.
    #[default]
    DropOldest,
    /// What comes is dropped until there is room; `Lagged(n)` stands where it would have been.
    /// For code that must see an unbroken beginning.
    DropNewest,
    /// The subscription ends: `Lagged(1)`, then the end. For code that cannot go on with a hole.
    Close,
}

/// The bounds of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) items: usize,
    pub(crate) bytes: usize,
    pub(crate) overflow: Overflow,
}

/// What can stand in a queue.
pub(crate) trait Queued: Sized {
    /// Its weight; an item without a weight (a notice about the link) is never dropped.
    fn weight(&self) -> Option<usize>;
    fn lagged(count: u64) -> Self;
    /// Takes `next` into this item, if the two can be told as one; else gives it back.
    fn merge(&mut self, next: Self) -> Option<Self> {
        Some(next)
    }
}

#[derive(Debug)]
pub(crate) struct Queue<T> {
    bounds: Bounds,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    bytes: usize,
    /// Dropped from the front since the last item was taken.
    lost_front: u64,
    /// Dropped at the back since the last item was put in.
    lost_back: u64,
    /// What comes is another's until it is handed over.
    waits: bool,
    closed: bool,
    waker: Option<Waker>,
}

/// What came of putting an item in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// False: nothing comes in any more, or not yet.
    pub(crate) taken: bool,
    pub(crate) dropped: u64,
    /// More than half of a bound is taken: the reader should get a chance to run.
    pub(crate) pressed: bool,
}

impl<T: Queued> Queue<T> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let bounds = Bounds {
            items: bounds.items.max(1),
            ..bounds
        };
        let state = State {
            items: VecDeque::new(),
            bytes: 0,
            lost_front: 0,
            lost_back: 0,
            waits: false,
            closed: false,
            waker: None,
        };
        Self {
            bounds,
            state: Mutex::new(state),
        }
    }

    /// Takes nothing in until [`open`](Self::open).
    pub(crate) fn wait(&self) {
        self.lock().waits = true;
    }

    pub(crate) fn open(&self) {
        self.lock().waits = false;
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // nothing inside can leave the state half changed, so a panic elsewhere does no harm
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item in.
    pub(crate) fn push(&self, item: T) -> Pushed {
        let mut state = self.lock();
        if state.closed || state.waits {
            return Pushed::default();
        }
        let weight = item.weight();
        let mut dropped = 0;
        if let Some(weight) = weight {
            let full = |state: &State<T>| {
                !state.items.is_empty()
                    && (state.items.len() >= self.bounds.items
                        || state.bytes + weight > self.bounds.bytes)
            };
            if full(&state) {
                match self.bounds.overflow {
                    Overflow::DropOldest => {
                        while full(&state) {
                            if !state.drop_oldest() {
                                break;
                            }
                            dropped += 1;
                        }
                    }
                    Overflow::DropNewest => {
                        state.lost_back += 1;
                        return Pushed {
                            taken: true,
                            dropped: 1,
                            pressed: true,
                        };
                    }
                    Overflow::Close => {
                        state.items.push_back(T::lagged(1));
                        state.closed = true;
                        state.wake();
                        return Pushed {
                            taken: true,
                            dropped: 1,
                            pressed: true,
                        };
                    }
                }
            }
            state.bytes += weight;
        }
        if state.lost_back > 0 {
            let lost = std::mem::take(&mut state.lost_back);
            state.items.push_back(T::lagged(lost));
        }
        let apart = match (weight, state.items.back_mut()) {
            (None, Some(last)) => last.merge(item),
            _ => Some(item),
        };
        state.items.extend(apart);
        let pressed =
            state.items.len() * 2 > self.bounds.items || state.bytes > self.bounds.bytes / 2;
        state.wake();
        Pushed {
            taken: true,
            dropped,
            pressed,
        }
    }

    /// Nothing more will come; what is queued can still be taken.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.wake();
    }

    pub(crate) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.lock();
        match state.pop() {
            Some(item) => Poll::Ready(Some(item)),
            None if state.closed => Poll::Ready(None),
            None => {
                match &state.waker {
                    Some(waker) if waker.will_wake(cx.waker()) => {}
                    _ => state.waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    pub(crate) fn try_pop(&self) -> Option<T> {
        self.lock().pop()
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }
}

impl<T: Queued> State<T> {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn pop(&mut self) -> Option<T> {
        if self.lost_front > 0 {
            return Some(T::lagged(std::mem::take(&mut self.lost_front)));
        }
        let Some(item) = self.items.pop_front() else {
            let lost = std::mem::take(&mut self.lost_back);
            return (lost > 0).then(|| T::lagged(lost));
        };
        self.bytes -= item.weight().unwrap_or(0);
        if self.items.is_empty() && self.items.capacity() > KEEP {
            // an idle subscriber should not hold the memory of its busiest moment
            self.items.shrink_to(KEEP);
        }
        Some(item)
    }

    /// Drops the oldest item that may be dropped.
    fn drop_oldest(&mut self) -> bool {
        let Some(at) = self.items.iter().position(|item| item.weight().is_some()) else {
            return false;
        };
        if let Some(item) = self.items.remove(at) {
            self.bytes -= item.weight().unwrap_or(0);
        }
        self.lost_front += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Item {
        Event(usize),
        Lagged(u64),
        Gap,
    }

    impl Queued for Item {
        fn weight(&self) -> Option<usize> {
            match self {
                Item::Event(weight) => Some(*weight),
                _ => None,
            }
        }

        fn lagged(count: u64) -> Self {
            Item::Lagged(count)
        }
    }

    fn queue(items: usize, bytes: usize, overflow: Overflow) -> Queue<Item> {
        Queue::new(Bounds {
            items,
            bytes,
            overflow,
        })
    }

    fn drain(queue: &Queue<Item>) -> Vec<Item> {
        std::iter::from_fn(|| queue.try_pop()).collect()
    }

    #[test]
    fn the_oldest_make_room_and_the_loss_shows() {
        let q = queue(2, 100, Overflow::DropOldest);
        let dropped: u64 = (1..=5).map(|n| q.push(Item::Event(n)).dropped).sum();
        assert_eq!(dropped, 3);
        assert_eq!(drain(&q), [Item::Lagged(3), Item::Event(4), Item::Event(5)]);
    }

    #[test]
    fn a_notice_about_the_link_is_never_dropped() {
        let q = queue(2, 100, Overflow::DropOldest);
        q.push(Item::Gap);
        (1..=3).for_each(|n| {
            q.push(Item::Event(n));
        });
        assert_eq!(drain(&q), [Item::Lagged(2), Item::Gap, Item::Event(3)]);
    }

    #[test]
    fn the_newest_are_dropped_until_there_is_room() {
        let q = queue(2, 100, Overflow::DropNewest);
        (1..=4).for_each(|n| {
            q.push(Item::Event(n));
        });
        assert_eq!(q.try_pop(), Some(Item::Event(1)));
        q.push(Item::Event(5));
        assert_eq!(drain(&q), [Item::Event(2), Item::Lagged(2), Item::Event(5)]);
    }

    #[test]
    fn bytes_are_bounded_but_one_item_always_fits() {
        let q = queue(100, 10, Overflow::DropOldest);
        q.push(Item::Event(8));
        q.push(Item::Event(50));
        assert_eq!(drain(&q), [Item::Lagged(1), Item::Event(50)]);
    }

    #[test]
    fn closing_on_overflow_says_so_and_ends() {
        let q = queue(1, 100, Overflow::Close);
        q.push(Item::Event(1));
        q.push(Item::Event(2));
        q.push(Item::Event(3));
        assert_eq!(drain(&q), [Item::Event(1), Item::Lagged(1)]);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(q.poll_pop(&mut cx), Poll::Ready(None));
    }
}
