//! What this process has in one queue. No input or output: says what to send, and hears what came.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use uuid::Uuid;

use super::super::backend::{Entry, Fence, Place, QueueItem, QueueState, Refusal};
use super::step::{Call, Done, Mode, Op, Outcome, Reply, Standing};
use crate::{Error, Result};

/// How many operations one step carries. (One that says everything carries as many as there are.)
const LARGEST_STEP: usize = 500;

/// How long things last; see the rules in `queue`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) lease: Duration,
    /// How long an operation is tried before its caller hears of the failure.
    pub(super) patience: Duration,
    pub(super) outage: Duration,
}

impl Times {
    pub(super) fn fence(&self) -> Duration {
        self.lease * 2 / 3
    }

    fn first_pause(&self) -> Duration {
        (self.lease / 40).min(Duration::from_millis(20))
    }

    fn longest_pause(&self) -> Duration {
        (self.lease / 10).min(Duration::from_millis(500))
    }
}

/// A question whose answer somebody waits for.
#[derive(Debug)]
pub(super) enum Question {
    State(oneshot::Sender<Result<QueueState>>),
    Items(oneshot::Sender<Result<Vec<QueueItem>>>),
    SetLimit(Option<usize>, oneshot::Sender<Result<()>>),
}

#[derive(Debug)]
struct Ask {
    question: Question,
    deadline: Instant,
    in_call: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// Not known to be in the line.
    New,
    Waiting,
    Holding,
    /// To be taken out.
    Leaving,
}

#[derive(Debug)]
struct Member {
    entry: Entry,
    status: Status,
    deadline: Instant,
    /// Redis may know it.
    sent: bool,
    arrival: Option<String>,
    ahead: usize,
    place: watch::Sender<Place>,
    positions: Vec<watch::Sender<Option<usize>>>,
    left: Vec<(Instant, oneshot::Sender<Result<()>>)>,
}

impl Member {
    fn tell_position(&self, position: usize) {
        for sender in &self.positions {
            sender.send_if_modified(|told| told.replace(position) != Some(position));
        }
    }
}

#[derive(Debug)]
pub(super) struct Line {
    queue: Arc<str>,
    times: Times,
    members: BTreeMap<u64, Member>,
    by_ticket: HashMap<Uuid, u64>,
    fresh: BTreeSet<u64>,
    holding: BTreeSet<u64>,
    leaving: BTreeSet<u64>,
    followed: BTreeSet<u64>,
    asks: Vec<Ask>,
    watchers: Vec<watch::Sender<Option<QueueState>>>,
    state: Option<QueueState>,
    /// The queue's epoch when we last agreed with it; empty if we have nothing there.
    epoch: String,
    /// Everything is to be said.
    needs_sync: bool,
    look: bool,
    renew: bool,
    /// A grant came at a moment when it could not be trusted, or may have been missed.
    doubt: bool,
    in_flight: bool,
    fence: watch::Sender<Instant>,
    /// When the last step was sent that succeeded.
    contact: Instant,
    /// When the last step was sent after which Redis may have something of ours.
    touched: Option<Instant>,
    wake_at: Option<Instant>,
    retry_at: Option<Instant>,
    pause: Duration,
}

impl Line {
    pub(super) fn new(queue: Arc<str>, times: Times) -> Self {
        let now = Instant::now();
        Self {
            queue,
            times,
            members: BTreeMap::new(),
            by_ticket: HashMap::new(),
            fresh: BTreeSet::new(),
            holding: BTreeSet::new(),
            leaving: BTreeSet::new(),
            followed: BTreeSet::new(),
            asks: Vec::new(),
            watchers: Vec::new(),
            state: None,
            epoch: String::new(),
            needs_sync: true,
            look: false,
            renew: false,
            doubt: false,
            in_flight: false,
            fence: watch::Sender::new(now),
            contact: now,
            touched: None,
            wake_at: None,
            retry_at: None,
            pause: times.first_pause(),
        }
    }

    pub(super) fn enter(&mut self, number: u64, entry: Entry, place: watch::Sender<Place>) {
        if self.active() == 0 {
            // an outage is counted from when somebody waits
            self.contact = self.contact.max(Instant::now());
        }
        self.by_ticket.insert(entry.ticket(), number);
        self.fresh.insert(number);
        let member = Member {
            entry,
            status: Status::New,
            deadline: Instant::now() + self.times.patience,
            sent: false,
            arrival: None,
            ahead: 0,
            place,
            positions: Vec::new(),
            left: Vec::new(),
        };
        self.members.insert(number, member);
    }

    pub(super) fn leave(&mut self, ticket: Uuid, left: oneshot::Sender<Result<()>>) {
        let number = self.by_ticket.get(&ticket).copied().unwrap_or_default();
        let Some(member) = self.members.get_mut(&number) else {
            // refused or lost before: nothing is there. Nobody has to listen.
            let _ = left.send(Ok(()));
            return;
        };
        if member.status == Status::New && !member.sent {
            self.forget(number);
            let _ = left.send(Ok(()));
            return;
        }
        let deadline = Instant::now() + self.times.patience;
        member.left.push((deadline, left));
        self.take_out(number);
    }

    pub(super) fn follow(&mut self, ticket: Uuid, positions: watch::Sender<Option<usize>>) {
        let number = self.by_ticket.get(&ticket).copied().unwrap_or_default();
        let Some(member) = self.members.get_mut(&number) else {
            return;
        };
        match member.status {
            Status::New | Status::Waiting => {
                member.positions.push(positions);
                self.followed.insert(number);
                self.look = true;
            }
            Status::Holding => {
                positions.send_replace(Some(0));
            }
            Status::Leaving => {}
        }
    }

    pub(super) fn watch(&mut self, states: watch::Sender<Option<QueueState>>) {
        self.watchers.push(states);
        self.look = true;
    }

    pub(super) fn ask(&mut self, question: Question) {
        self.asks.push(Ask {
            question,
            deadline: Instant::now() + self.times.patience,
            in_call: false,
        });
    }

    /// Something changed in the queue.
    pub(super) fn changed(&mut self) {
        self.look |= self.wants_changes();
    }

    /// Messages may have been missed.
    pub(super) fn missed(&mut self) {
        self.look |= self.wants_changes();
        let waits = self.active() > self.holding.len();
        self.needs_sync |= waits;
        // a step that is under way may be older than what was missed
        self.doubt |= waits && self.in_flight;
    }

    /// The lease is to be renewed.
    pub(super) fn renew(&mut self) {
        self.renew = self.active() > 0;
    }

    /// Somebody else's step granted to an item of ours.
    pub(super) fn granted(&mut self, number: u64) {
        let is_fenced = *self.fence.borrow() <= Instant::now();
        match self.members.get(&number).map(|member| member.status) {
            Some(Status::New | Status::Waiting) if is_fenced => self.doubt = true,
            Some(Status::New | Status::Waiting) => self.hold(number),
            Some(Status::Holding | Status::Leaving) | None => {}
        }
    }

    /// Whether changes by others matter.
    pub(super) fn wants_changes(&mut self) -> bool {
        self.watchers.retain(|sender| sender.receiver_count() > 0);
        let members = &mut self.members;
        self.followed.retain(|number| {
            let Some(member) = members.get_mut(number) else {
                return false;
            };
            member
                .positions
                .retain(|sender| sender.receiver_count() > 0);
            !member.positions.is_empty()
        });
        !self.watchers.is_empty() || !self.followed.is_empty()
    }

    /// How many enter, wait or hold.
    pub(super) fn active(&self) -> usize {
        self.members.len() - self.leaving.len()
    }

    /// Whether nothing of ours is there or on its way.
    pub(super) fn is_over(&self) -> bool {
        self.members.is_empty() && self.asks.is_empty() && !self.in_flight && !self.may_be_there()
    }

    /// Everybody who could listen is gone.
    pub(super) fn close(&mut self) {
        self.watchers.clear();
        self.asks.clear();
    }

    /// When the next step is due, if it is not under way.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        if self.in_flight {
            return None;
        }
        let soon = self.retry_at.unwrap_or(now);
        if self.has_work() {
            return Some(soon);
        }
        let waits = self.active() > self.holding.len() || !self.watchers.is_empty();
        let wake = self.wake_at.filter(|_| waits)?;
        Some(wake.max(soon))
    }

    fn has_work(&self) -> bool {
        let unsaid = self.needs_sync && (self.active() > 0 || self.may_be_there());
        let news = !self.fresh.is_empty() || !self.leaving.is_empty() || !self.asks.is_empty();
        unsaid || news || self.look || self.renew
    }

    /// Whether Redis may have something of ours that we do not want any more.
    fn may_be_there(&self) -> bool {
        let expired = |touched: Instant| touched.elapsed() > self.times.lease;
        self.needs_sync && self.touched.is_some_and(|touched| !expired(touched))
    }

    /// The step that is due; it counts as under way until [`arrived`](Self::arrived).
    pub(super) fn next_call(&mut self) -> Option<Call> {
        let now = Instant::now();
        if self.due(now).is_none_or(|due| due > now) {
            return None;
        }
        self.check_fence(now);
        self.wants_changes();
        let nothing = self.members.is_empty() && !self.may_be_there();
        let mut mode = match (nothing, self.needs_sync) {
            (true, _) => Mode::Look,
            (false, true) => Mode::Sync,
            (false, false) => Mode::Step,
        };
        let mut ops = Vec::new();
        let mut leaves = Vec::new();
        match mode {
            Mode::Sync => {
                leaves.extend(&self.leaving);
                let all: Vec<u64> = self.members.keys().copied().collect();
                for number in all {
                    ops.extend(self.enter_op(number));
                }
            }
            Mode::Step => {
                for number in self.leaving.iter().take(LARGEST_STEP) {
                    leaves.push(*number);
                    let item = self.members[number].entry.item().to_owned();
                    ops.push(Op::Leave {
                        number: *number,
                        item,
                    });
                }
                let fresh: Vec<u64> = self.fresh.iter().take(LARGEST_STEP).copied().collect();
                for number in fresh {
                    ops.extend(self.enter_op(number));
                }
            }
            Mode::Look | Mode::Set => {}
        }
        let mut items = false;
        for ask in &mut self.asks {
            ask.in_call = true;
            match &ask.question {
                Question::State(_) => {}
                Question::Items(_) => items = true,
                Question::SetLimit(limit, _) => {
                    ops.push(Op::SetLimit(*limit));
                    if mode == Mode::Look {
                        mode = Mode::Set;
                    }
                }
            }
        }
        if items {
            ops.push(Op::Items);
        }
        for number in &self.followed {
            let item = self.members[number].entry.item().to_owned();
            ops.push(Op::Position {
                number: *number,
                item,
            });
        }
        let stays = self.members.len() > leaves.len();
        if matches!(mode, Mode::Step | Mode::Sync) {
            self.touched = Some(now);
        }
        self.in_flight = true;
        self.look = false;
        self.wake_at = None;
        self.retry_at = None;
        Some(Call {
            mode,
            known: self.epoch.clone(),
            stays,
            renewal: std::mem::take(&mut self.renew),
            sent: now,
            ops,
            leaves,
        })
    }

    fn enter_op(&mut self, number: u64) -> Option<Op> {
        let member = self.members.get_mut(&number)?;
        if member.status == Status::Leaving {
            return None;
        }
        member.sent = true;
        Some(Op::Enter {
            number,
            entry: member.entry.clone(),
            arrival: member.arrival.clone(),
            holds: member.status == Status::Holding,
        })
    }

    /// What became of a step.
    pub(super) fn arrived(&mut self, call: Call, reply: Result<Reply>) {
        self.in_flight = false;
        let now = Instant::now();
        match reply {
            Ok(Reply::Done(done)) => {
                self.check_fence(now);
                self.pause = self.times.first_pause();
                self.contact = call.sent;
                self.done(call, done, now);
            }
            // known, but everything has to be said
            Ok(Reply::Sync) => {
                self.needs_sync = true;
                self.look = true;
            }
            Ok(Reply::Stale) => self.again(now),
            Err(error) => {
                self.again(now);
                self.failed(&error, now);
            }
        }
    }

    fn again(&mut self, now: Instant) {
        self.needs_sync = true;
        self.look = self.wants_changes();
        self.retry_at = Some(now + self.pause);
        self.pause = (self.pause * 2).min(self.times.longest_pause());
    }

    /// Tells those whose patience is over.
    fn failed(&mut self, error: &Error, now: Instant) {
        for ask in std::mem::take(&mut self.asks) {
            if ask.deadline > now {
                self.asks.push(ask);
                continue;
            }
            // nobody has to listen
            match ask.question {
                Question::State(answer) => drop(answer.send(Err(error.clone()))),
                Question::Items(answer) => drop(answer.send(Err(error.clone()))),
                Question::SetLimit(_, answer) => drop(answer.send(Err(error.clone()))),
            }
        }
        let is_outage = self.contact + self.times.outage <= now;
        let mut given_up = Vec::new();
        for (number, member) in &mut self.members {
            match member.status {
                Status::New if member.deadline <= now => given_up.push(*number),
                Status::Waiting if is_outage => given_up.push(*number),
                Status::New | Status::Waiting | Status::Holding => {}
                Status::Leaving => {
                    for (deadline, left) in std::mem::take(&mut member.left) {
                        if deadline > now {
                            member.left.push((deadline, left));
                        } else {
                            let _ = left.send(Err(error.clone()));
                        }
                    }
                    // the next step says everything, and does not name it
                    if member.left.is_empty() {
                        given_up.push(*number);
                    }
                }
            }
        }
        for number in given_up {
            self.end(number, Place::Refused(error.clone()));
        }
    }

    fn done(&mut self, call: Call, done: Done, now: Instant) {
        if matches!(call.mode, Mode::Step | Mode::Sync) {
            self.needs_sync = !call.stays;
            if call.stays {
                self.epoch.clone_from(&done.epoch);
                self.fence.send_replace(call.sent + self.times.fence());
            } else {
                self.epoch.clear();
                self.touched = None;
            }
            for number in call.leaves {
                let member = self.forget(number);
                for (_, left) in member.into_iter().flat_map(|member| member.left) {
                    let _ = left.send(Ok(()));
                }
            }
        }
        let mut items = Vec::new();
        for (op, outcome) in call.ops.into_iter().zip(done.results) {
            match (op, outcome) {
                (
                    Op::Enter { number, .. },
                    Outcome::Entered {
                        standing,
                        arrival,
                        ahead,
                    },
                ) => self.stands(number, standing, arrival, ahead),
                (Op::Position { number, .. }, Outcome::Number(position)) => {
                    if let (Some(member), Ok(position)) =
                        (self.members.get(&number), usize::try_from(position))
                    {
                        member.tell_position(position);
                    }
                }
                (Op::Items, Outcome::Items { holding, waiting }) => {
                    let holding = holding.into_iter().map(|item| QueueItem::new(item, 0));
                    let waiting = waiting.into_iter().zip(1..);
                    let waiting = waiting.map(|(item, position)| QueueItem::new(item, position));
                    items = holding.chain(waiting).collect();
                }
                _ => {}
            }
        }
        for number in done.granted {
            self.hold(number);
        }
        for ask in std::mem::take(&mut self.asks) {
            // nobody has to listen
            match ask.question {
                _ if !ask.in_call => self.asks.push(ask),
                Question::State(answer) => drop(answer.send(Ok(done.state))),
                Question::Items(answer) => drop(answer.send(Ok(items.clone()))),
                Question::SetLimit(_, answer) => drop(answer.send(Ok(()))),
            }
        }
        self.state = Some(done.state);
        for sender in &self.watchers {
            sender.send_if_modified(|told| told.replace(done.state) != Some(done.state));
        }
        // a moment later than the lease ends, so that it has ended
        self.wake_at = done.wake.map(|wake| now + wake + Duration::from_millis(1));
        let agrees = done.own == self.holding.len() || !self.leaving.is_empty();
        if self.active() > 0 && (std::mem::take(&mut self.doubt) || call.renewal && !agrees) {
            self.needs_sync = true;
        }
    }

    fn stands(&mut self, number: u64, standing: Standing, arrival: String, ahead: usize) {
        let queue = Arc::clone(&self.queue);
        let Some(member) = self.members.get_mut(&number) else {
            return;
        };
        if member.status == Status::Leaving {
            return;
        }
        let held = member.status == Status::Holding;
        let refuse = |why| Place::Refused(member.entry.refusal(&queue, why));
        let ends = match standing {
            Standing::Duplicate if !held => refuse(Refusal::Duplicate),
            Standing::Full => refuse(Refusal::Full),
            Standing::Lost | Standing::Duplicate => Place::Lost,
            Standing::Waiting | Standing::Holding => {
                member.arrival = Some(arrival);
                self.fresh.remove(&number);
                if member.status == Status::New {
                    member.status = Status::Waiting;
                    member.ahead = ahead;
                    member.place.send_replace(Place::Waiting { ahead });
                }
                if standing == Standing::Holding {
                    self.hold(number);
                }
                return;
            }
        };
        self.end(number, ends);
    }

    fn hold(&mut self, number: u64) {
        let Some(member) = self.members.get_mut(&number) else {
            return;
        };
        if !matches!(member.status, Status::New | Status::Waiting) {
            return;
        }
        member.status = Status::Holding;
        self.holding.insert(number);
        member.tell_position(0);
        member.positions.clear();
        self.followed.remove(&number);
        member.place.send_replace(Place::Granted {
            ahead: member.ahead,
            fence: Fence::at(self.fence.subscribe()),
        });
    }

    /// Once the fence has passed, holders have been told by it: they stay lost, and go.
    fn check_fence(&mut self, now: Instant) {
        if self.holding.is_empty() || *self.fence.borrow() > now {
            return;
        }
        for number in std::mem::take(&mut self.holding) {
            if let Some(member) = self.members.get(&number) {
                member.place.send_replace(Place::Lost);
            }
            self.take_out(number);
        }
    }

    fn take_out(&mut self, number: u64) {
        if let Some(member) = self.members.get_mut(&number) {
            member.status = Status::Leaving;
            member.positions.clear();
            self.leaving.insert(number);
        }
        self.fresh.remove(&number);
        self.holding.remove(&number);
        self.followed.remove(&number);
    }

    fn end(&mut self, number: u64, place: Place) {
        if let Some(member) = self.forget(number) {
            member.place.send_replace(place);
            for (_, left) in member.left {
                let _ = left.send(Ok(()));
            }
        }
    }

    fn forget(&mut self, number: u64) -> Option<Member> {
        self.fresh.remove(&number);
        self.holding.remove(&number);
        self.leaving.remove(&number);
        self.followed.remove(&number);
        let member = self.members.remove(&number)?;
        self.by_ticket.remove(&member.entry.ticket());
        Some(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(ops: usize) -> Result<Reply> {
        let entered = || Outcome::Entered {
            standing: Standing::Waiting,
            arrival: "1".to_owned(),
            ahead: 0,
        };
        Ok(Reply::Done(Done {
            epoch: "1".to_owned(),
            wake: None,
            state: QueueState::new(1, 1, 1),
            own: 0,
            granted: Vec::new(),
            results: (0..ops).map(|_| entered()).collect(),
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_missed_while_a_step_is_under_way_is_asked_for_after_it() {
        let lease = Duration::from_secs(10);
        let mut line = Line::new(
            "support".into(),
            Times {
                lease,
                patience: lease,
                outage: lease,
            },
        );
        let (place, _place) = watch::channel(Place::Entering);
        line.enter(1, Entry::new("a".into(), None, 10), place);
        for gap in [false, true] {
            let call = match gap {
                false => line.next_call().unwrap(),
                true => {
                    line.renew();
                    let call = line.next_call().unwrap();
                    // the step ran, then somebody granted, and the message was lost
                    line.missed();
                    call
                }
            };
            let ops = call.ops.len();
            line.arrived(call, waits(ops));
            let next = line.next_call();
            let mode = next.as_ref().map(|call| call.mode);
            assert_eq!(mode, gap.then_some(Mode::Sync));
        }
    }
}
