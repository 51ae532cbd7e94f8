//! One channel that is followed, and those who wait for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use genesis_client::{ChannelSnapshot, Gap, Tap, WeakClient};
use genesis_proto::session::{CloseReason, Outcome};
use genesis_proto::{Event, EventName};
use tokio::sync::oneshot;

use super::{Calls, Condition, State};
use crate::dtmf::Digits;
use crate::error::{Error, Result};

/// A channel that is followed, told of its events by the connection.
pub(crate) struct Tracked {
    pub(crate) uuid: String,
    inner: Mutex<Inner>,
    calls: Weak<Calls>,
    client: WeakClient,
    /// The link was away, and nothing has been heard since.
    unsure: AtomicBool,
    /// An event has come since the link was made.
    heard: AtomicBool,
}

#[derive(Default)]
struct Inner {
    state: State,
    link: Link,
    waiting: Vec<Waiting>,
    digits: Option<Arc<Digits>>,
}

#[derive(Default)]
enum Link {
    #[default]
    Up,
    Down,
    Closed(CloseReason),
}

struct Waiting {
    what: What,
    done: oneshot::Sender<Result<()>>,
}

/// What somebody waits for.
#[derive(Debug)]
pub(crate) enum What {
    Condition(Condition),
    /// The end of the call.
    End,
    /// Anything new, the link's state included.
    Change,
}

/// A wait that has begun: whatever comes from now on is not missed.
pub(crate) type Begun = oneshot::Receiver<Result<()>>;

impl Tracked {
    pub(crate) fn new(uuid: String, calls: Weak<Calls>, client: WeakClient) -> Self {
        Self {
            uuid,
            inner: Mutex::default(),
            calls,
            client,
            unsure: AtomicBool::new(false),
            heard: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the state.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock().state)
    }

    /// Takes in what is known from elsewhere: the channel's data as a command gave it.
    pub(crate) fn seed(&self, data: &Event) {
        self.fold(data);
    }

    /// The error of an operation that needs a live channel.
    pub(crate) fn check_alive(&self) -> Result<()> {
        match &self.lock().state.ended {
            Some(ended) => Err(Error::hung_up(&self.uuid, ended.cause.clone())),
            None => Ok(()),
        }
    }

    /// Whether the link was away and the switch has not been asked since.
    pub(crate) fn is_unsure(&self) -> bool {
        self.unsure.load(Ordering::Acquire)
    }

    /// Begins to wait. `past`: what has been counts too.
    pub(crate) fn wait(&self, what: What, past: bool) -> Begun {
        let (done, begun) = oneshot::channel();
        let mut inner = self.lock();
        let settled = match &what {
            What::Condition(condition) => {
                let so = if past {
                    inner.state.has_been(condition)
                } else {
                    inner.state.is(condition)
                };
                match &inner.state.ended {
                    _ if so => Some(Ok(())),
                    Some(ended) if !condition.follows_hangup() || inner.state.is_gone() => {
                        Some(Err(Error::hung_up(&self.uuid, ended.cause.clone())))
                    }
                    _ => None,
                }
            }
            What::End => inner.state.ended.is_some().then_some(Ok(())),
            What::Change => None,
        };
        let settled = settled.or_else(|| inner.link_error(&what).map(Err));
        match settled {
            Some(result) => drop(done.send(result)),
            None => {
                // those who gave up leave their place to the next
                inner.waiting.retain(|waiting| !waiting.done.is_closed());
                inner.waiting.push(Waiting { what, done });
            }
        }
        begun
    }

    pub(crate) fn digits(&self) -> Arc<Digits> {
        let mut inner = self.lock();
        let over = inner.state.ended.is_some() || matches!(inner.link, Link::Closed(_));
        let digits = inner.digits.get_or_insert_default().clone();
        if over {
            digits.close();
        }
        digits
    }

    fn fold(&self, event: &Event) {
        self.unsure.store(false, Ordering::Release);
        self.heard.store(true, Ordering::Release);
        let mut inner = self.lock();
        let name = inner.state.fold(event);
        if name == EventName::Dtmf
            && let Some(digits) = &inner.digits
        {
            digits.push(event);
        }
        inner.settle(&self.uuid, Some(&name));
    }

    /// The switch was asked once more: a channel of which nothing was heard since the link came back
    /// and which is not shown any more had ended before.
    pub(crate) fn confirm(&self, snapshot: &ChannelSnapshot) {
        let missing = snapshot.get(&self.uuid).is_none();
        if missing && !self.heard.load(Ordering::Acquire) {
            let mut inner = self.lock();
            inner.state.fold_row(None);
            inner.settle(&self.uuid, None);
        }
    }

    /// Whether the second look can tell anything of it.
    pub(crate) fn is_silent(&self) -> bool {
        !self.heard.load(Ordering::Acquire) && self.lock().state.ended.is_none()
    }

    /// The switch was asked after the link had been away.
    pub(crate) fn resync(&self, snapshot: &ChannelSnapshot) {
        if !self.unsure.swap(false, Ordering::AcqRel) {
            return;
        }
        let mut inner = self.lock();
        inner.state.fold_row(snapshot.get(&self.uuid));
        inner.settle(&self.uuid, None);
    }
}

impl Inner {
    /// Why a wait cannot go on. Those for any change hear of it as a change.
    fn link_error(&self, what: &What) -> Option<Error> {
        match (&self.link, what) {
            (Link::Up, _) | (Link::Down, What::Change) => None,
            (Link::Down, _) => Some(Error::disconnected(
                Outcome::NotSent,
                "the connection to the switch is down and being made again; wait with Client::ready",
            )),
            (Link::Closed(reason), _) => {
                Some(Error::disconnected(Outcome::NotSent, &reason.to_string()))
            }
        }
    }

    /// Ends the waits that have something to end by.
    fn settle(&mut self, uuid: &str, event: Option<&EventName>) {
        if self.state.ended.is_some()
            && let Some(digits) = &self.digits
        {
            digits.close();
        }
        if self.waiting.is_empty() {
            return;
        }
        let state = &self.state;
        let ended = state.ended.as_ref();
        self.waiting.retain_mut(|waiting| {
            let result = match &waiting.what {
                What::Change => Some(Ok(())),
                What::End => ended.map(|_| Ok(())),
                What::Condition(condition) => {
                    let so = match condition {
                        Condition::Event(name) => Some(name) == event,
                        other => state.is(other),
                    };
                    // a channel that vanished unseen has hung up as well
                    let so = so || (event.is_none() && state.has_been(condition));
                    match ended {
                        _ if so => Some(Ok(())),
                        Some(ended) if !condition.follows_hangup() || state.is_gone() => {
                            Some(Err(Error::hung_up(uuid, ended.cause.clone())))
                        }
                        _ => None,
                    }
                }
            };
            settle_one(waiting, result)
        });
        self.forget_room();
    }

    /// A call that is up for hours keeps no room for those who waited for its beginning.
    fn forget_room(&mut self) {
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
    }

    /// Ends the waits that a lost link ends.
    fn settle_link(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain_mut(|waiting| {
            let result = match &waiting.what {
                What::Change => Some(Ok(())),
                what => self.link_error(what).map(Err),
            };
            settle_one(waiting, result)
        });
        self.waiting = waiting;
        self.forget_room();
    }
}

/// Gives the result out; whether the wait goes on.
fn settle_one(waiting: &mut Waiting, result: Option<Result<()>>) -> bool {
    let Some(result) = result else {
        return !waiting.done.is_closed();
    };
    let (done, _) = oneshot::channel();
    let _ = std::mem::replace(&mut waiting.done, done).send(result);
    false
}

impl Tap for Tracked {
    fn event(&self, event: &Event) {
        self.fold(event);
    }

    fn link_lost(&self, _: &CloseReason) {
        let mut inner = self.lock();
        inner.link = Link::Down;
        inner.settle_link();
    }

    fn link_restored(&self, _: &Gap) {
        self.heard.store(false, Ordering::Release);
        self.unsure.store(true, Ordering::Release);
        {
            let mut inner = self.lock();
            inner.link = Link::Up;
            inner.settle_link();
        }
        if let Some(calls) = self.calls.upgrade() {
            calls.resync(&self.client);
        }
    }

    fn closed(&self, reason: &CloseReason) {
        let mut inner = self.lock();
        inner.link = Link::Closed(reason.clone());
        if let Some(digits) = &inner.digits {
            digits.close();
        }
        inner.settle_link();
    }
}
