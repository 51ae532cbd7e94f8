//! What outlives a single link.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use genesis_proto::command::{EventSet, Verb};
use genesis_proto::session::{Allowed, ClientSession, CloseReason, Outcome, Output};
use genesis_proto::{Command, Event, EventName, Reply};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use super::lag::{Lag, LagMeter};
use super::waiters::Waiters;
use super::{Answer, Request, after};
use crate::client::Common;
use crate::error::{Error, ErrorKind};
use crate::ledger::{Ledger, Undo};
use crate::log::LogRouter;
use crate::observe;
use crate::outbound::SocketMode;
use crate::router::{Router, SubscriberId};
use crate::stats::Counters;
use crate::subscription::Gap;

/// Whose the next reply is. In the order of the commands.
pub(super) enum Pending {
    Caller {
        reply: Answer<Reply>,
        _permit: OwnedSemaphorePermit,
        /// Until then a silent switch may be busy with it.
        deadline: Instant,
        then: Then,
    },
    /// A command of the ledger. If it is refused, these names do not come, and whoever asked for
    /// them is told.
    Ledger {
        names: EventSet,
        done: Vec<(SubscriberId, Answer<()>)>,
    },
    Probe,
    /// After a gap telemetry compares the calls that it counts.
    Alive,
}

/// What a refusal of a caller's command undoes.
pub(super) enum Then {
    ByHand(Undo),
    Job(String),
    Execution(String),
}

pub(crate) struct Core {
    pub(super) common: Arc<Common>,
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
    pub(super) pending: VecDeque<Pending>,
    /// What became of commands without a reply, in their order, until the reason is known.
    unanswered: VecDeque<Outcome>,
    router: Router,
    pub(super) ledger: Ledger,
    logs: LogRouter,
    waiters: Waiters,
    lag: LagMeter,
    pub(super) observe: observe::Reader,
    /// When telemetry compares the calls that it counts once more.
    pub(super) compare_by: Option<Instant>,
    /// A link without HEARTBEAT is given up.
    pub(super) follows_heartbeat: bool,
    /// Whether executions' events are on the wire.
    follows_executions: bool,
    pub(super) last_heard: Instant,
    pub(super) last_heartbeat: Instant,
    pub(super) probing: bool,
    /// A reader's queue is more than half full.
    pub(super) pressed: bool,
    /// A reader was handed an event.
    pub(super) handed: bool,
    pub(super) closing: bool,
    /// Everyone has been told that it is over.
    over: bool,
    /// When an `exit` is not waited for any longer.
    pub(super) close_by: Option<Instant>,
}

impl Core {
    pub(crate) fn new(common: Arc<Common>, requests: mpsc::UnboundedReceiver<Request>) -> Self {
        let ledger = Ledger::new(common.options.event_format);
        let observe = common.observe.reader();
        Self {
            common,
            requests,
            pending: VecDeque::new(),
            unanswered: VecDeque::new(),
            router: Router::default(),
            ledger,
            logs: LogRouter::default(),
            waiters: Waiters::default(),
            lag: LagMeter::default(),
            observe,
            compare_by: None,
            follows_heartbeat: false,
            follows_executions: false,
            last_heard: Instant::now(),
            last_heartbeat: Instant::now(),
            probing: false,
            pressed: false,
            handed: false,
            closing: false,
            over: false,
            close_by: None,
        }
    }

    /// A new link is authenticated: says again what was asked for, and tells of the gap.
    pub(super) fn link_up(&mut self, session: &mut ClientSession, allowed: Allowed) {
        self.observe.link_up();
        self.last_heard = Instant::now();
        self.last_heartbeat = self.last_heard;
        self.probing = false;
        self.lag = LagMeter::default();
        self.ledger.connected(allowed);
        self.follows_heartbeat =
            self.common.options.heartbeat_timeout.is_some() && self.ledger.follow_heartbeat();
        for command in self.ledger.restore() {
            let names = named_by(&command);
            self.send_own(session, &command, names, None);
        }
        self.sync_filters(session);
    }

    pub(super) fn gap(&mut self, gap: Gap) {
        self.router.restored(&gap);
    }

    /// An outbound socket of channel `uuid` is connected: says what it is set up with.
    ///
    /// `own_events` are those of `myevents`. With `full` control they are asked for by name and
    /// filtered, because `myevents` cannot be taken back, and would hide the legs that the session
    /// calls later.
    pub(crate) fn outbound_up(
        &mut self,
        session: &mut ClientSession,
        uuid: &str,
        mode: SocketMode,
        own_events: Option<EventSet>,
        linger: Option<Duration>,
    ) {
        self.observe.link_up();
        self.last_heard = Instant::now();
        self.last_heartbeat = self.last_heard;
        self.ledger.connected(Allowed::default());
        if mode.is_full() {
            if let Some(own) = &own_events {
                let filters = self.ledger.scope(uuid);
                self.send_all_own(session, filters);
                self.ledger.keep(own);
            }
            self.sync(session, EventSet::new(), None);
            if let Some(time) = linger {
                self.send_all_own(session, vec![Command::linger(Some(time))]);
            }
        } else {
            if own_events.is_some() {
                let myevents = Command::myevents(self.common.options.event_format);
                self.send_all_own(session, vec![myevents]);
                self.ledger.only(uuid);
            }
            self.ledger.fix(mode, own_events.unwrap_or_default());
        }
    }

    pub(super) fn on_request(&mut self, request: Request, session: &mut ClientSession) {
        match request {
            // the caller left before the command did: it is taken back
            Request::Command { reply, .. }
            | Request::Job { reply, .. }
            | Request::Execute { reply, .. }
                if reply.is_closed() => {}
            Request::Command {
                command,
                reply,
                permit,
                deadline,
            } => {
                let by_hand = self.ledger.by_hand(command);
                self.send_all_own(session, by_hand.before);
                let caller = Pending::Caller {
                    reply,
                    _permit: permit,
                    deadline,
                    then: Then::ByHand(by_hand.undo),
                };
                self.send(session, &by_hand.command, caller);
                self.send_all_own(session, by_hand.after);
                if by_hand.filters {
                    self.sync_filters(session);
                }
            }
            Request::Job {
                uuid,
                command,
                reply,
                permit,
                deadline,
                result,
            } => {
                if !self.ledger.has_jobs() {
                    let _ = reply.send(Err(Error::new(
                        ErrorKind::Refused,
                        "the result of a bgapi cannot reach this connection, because it may not \
                         subscribe to BACKGROUND_JOB; use api",
                    )));
                    return;
                }
                self.waiters.job(&uuid, result);
                let caller = Pending::Caller {
                    reply,
                    _permit: permit,
                    deadline,
                    then: Then::Job(uuid),
                };
                self.send(session, &command, caller);
            }
            Request::Execute {
                application_uuid,
                channel,
                command,
                reply,
                permit,
                deadline,
                result,
            } => {
                match self.follow_executions(session) {
                    Ok(()) => self.waiters.execution(&application_uuid, &channel, result),
                    // it may run, but its end cannot be seen
                    Err(error) => drop(result.send(Err(error))),
                }
                let caller = Pending::Caller {
                    reply,
                    _permit: permit,
                    deadline,
                    then: Then::Execution(application_uuid),
                };
                self.send(session, &command, caller);
            }
            Request::Subscribe { .. }
            | Request::Unsubscribe(_)
            | Request::HandOver { .. }
            | Request::Log { .. } => {
                self.on_subscriber(request, Some(session));
            }
            Request::Close { patience } => {
                self.closing = true;
                let by = after(patience);
                self.close_by = Some(self.close_by.map_or(by, |earlier| earlier.min(by)));
                if session.submit(&Command::exit()).is_ok() {
                    self.pending.push_back(Pending::Probe);
                }
            }
        }
    }

    /// A request that came while the link is down.
    pub(super) fn on_request_while_down(&mut self, request: Request) {
        match request {
            Request::Command { reply, .. }
            | Request::Job { reply, .. }
            | Request::Execute { reply, .. } => {
                let _ = reply.send(Err(Error::link_down()));
            }
            Request::Subscribe { .. }
            | Request::Unsubscribe(_)
            | Request::HandOver { .. }
            | Request::Log { .. } => {
                self.on_subscriber(request, None);
            }
            Request::Close { .. } => self.closing = true,
        }
    }

    /// Subscribers come and go whether the link is up or not.
    fn on_subscriber(&mut self, request: Request, session: Option<&mut ClientSession>) {
        match request {
            Request::HandOver { from, to } => {
                self.router.hand_over(from, to);
                self.on_subscriber(Request::Unsubscribe(from), session);
            }
            Request::Subscribe {
                id,
                events,
                subscription,
                sink,
                done,
            } => {
                if let Err(error) = self.may_subscribe(&events) {
                    let _ = done.send(Err(error));
                    return;
                }
                self.ledger.acquire(&events);
                self.router.add(id, events.clone(), &subscription, sink);
                match session {
                    Some(session) => self.sync(session, events, Some((id, done))),
                    None => drop(done.send(Ok(()))),
                }
            }
            Request::Unsubscribe(id) => {
                let log = self
                    .logs
                    .remove(id)
                    .and_then(|level| self.ledger.release_log(level));
                let events = self.router.remove(id);
                if let Some(events) = &events {
                    self.ledger.release(events);
                }
                if let Some(session) = session {
                    self.send_all_own(session, log.into_iter().collect());
                    if events.is_some() {
                        self.sync(session, EventSet::new(), None);
                    }
                }
            }
            Request::Log {
                id,
                level,
                queue,
                done,
            } => {
                if let Err(error) = self.ledger.check_log() {
                    let _ = done.send(Err(error));
                    return;
                }
                self.logs.add(id, level, queue);
                match (self.ledger.acquire_log(level), session) {
                    (Some(command), Some(session)) => {
                        self.send_own(session, &command, EventSet::new(), Some((id, done)));
                    }
                    _ => drop(done.send(Ok(()))),
                }
            }
            _ => {}
        }
    }

    fn may_subscribe(&self, events: &EventSet) -> Result<(), Error> {
        if self.router.len() + self.logs.len() >= self.common.options.subscribers {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "the connection has {} subscribers, the limit `subscribers`",
                    self.router.len()
                ),
            ));
        }
        self.ledger.check(events)
    }

    /// Makes the wire what the ledger wants. `done` hears when the switch has said yes.
    fn sync(
        &mut self,
        session: &mut ClientSession,
        names: EventSet,
        done: Option<(SubscriberId, Answer<()>)>,
    ) {
        let mut commands = self.ledger.sync();
        self.sync_filters(session);
        let Some(last) = commands.pop() else {
            if let Some(done) = done {
                self.agreed_with(&names, done);
            }
            return;
        };
        self.send_all_own(session, commands);
        self.send_own(session, &last, names, done);
    }

    /// The wire needs no change for these names: `done` hears at once, or with the answer to the
    /// command under way that asks for them.
    fn agreed_with(&mut self, events: &EventSet, waiting: (SubscriberId, Answer<()>)) {
        let under_way = self
            .pending
            .iter_mut()
            .rev()
            .find_map(|pending| match pending {
                Pending::Ledger { names, done }
                    if names.names().any(|name| events.contains(name, None))
                        || names.is_all()
                        || names.subclasses().any(|subclass| {
                            events.contains(&EventName::Custom, Some(subclass))
                        }) =>
                {
                    Some(done)
                }
                _ => None,
            });
        match under_way {
            Some(done) => done.push(waiting),
            None => drop(waiting.1.send(Ok(()))),
        }
    }

    fn sync_filters(&mut self, session: &mut ClientSession) {
        let commands = if self.ledger.is_scoped() {
            self.ledger.sync_filters(Some(self.router.wire_filters()))
        } else if self.common.options.wire_filters {
            self.ledger.sync_filters(self.router.channels())
        } else {
            return;
        };
        self.send_all_own(session, commands);
    }

    /// The events by which executions end are asked for once and kept. An error when they cannot
    /// reach this connection.
    fn follow_executions(&mut self, session: &mut ClientSession) -> Result<(), Error> {
        let one = |name| -> EventSet { [name].into_iter().collect() };
        let mut events = one(EventName::ChannelExecuteComplete);
        self.ledger.check(&events)?;
        if std::mem::replace(&mut self.follows_executions, true) {
            return Ok(());
        }
        for name in [EventName::ChannelHangup, EventName::ChannelHangupComplete] {
            let hangup = one(name);
            if self.ledger.check(&hangup).is_ok() {
                events.extend(&hangup);
            }
        }
        let filters = self.ledger.follow_executions(&events);
        self.send_all_own(session, filters);
        self.sync(session, events, None);
        Ok(())
    }

    fn send_all_own(&mut self, session: &mut ClientSession, commands: Vec<Command>) {
        for command in commands {
            self.send_own(session, &command, EventSet::new(), None);
        }
    }

    fn send_own(
        &mut self,
        session: &mut ClientSession,
        command: &Command,
        names: EventSet,
        done: Option<(SubscriberId, Answer<()>)>,
    ) {
        match session.submit(command) {
            Ok(_) => {
                Counters::add(&self.common.counters.commands_sent, 1);
                let done = done.into_iter().collect();
                self.pending.push_back(Pending::Ledger { names, done });
            }
            Err(error) => {
                if let Some((id, done)) = done {
                    self.drop_subscriber(id);
                    let _ = done.send(Err(error.into()));
                }
            }
        }
    }

    fn drop_subscriber(&mut self, id: SubscriberId) {
        if let Some(events) = self.router.remove(id) {
            self.ledger.release(&events);
        }
        if let Some(level) = self.logs.remove(id) {
            // nothing is sent: the switch has refused, or is gone
            let _ = self.ledger.release_log(level);
            self.ledger.log_refused();
        }
    }

    /// Sends a caller's command.
    fn send(&mut self, session: &mut ClientSession, command: &Command, caller: Pending) {
        match session.submit(command) {
            Ok(_) => {
                Counters::add(&self.common.counters.commands_sent, 1);
                self.pending.push_back(caller);
            }
            Err(error) => {
                if let Pending::Caller { reply, then, .. } = caller {
                    self.undo(then);
                    let _ = reply.send(Err(error.into()));
                }
            }
        }
    }

    /// The latest deadline of the commands that wait for their reply.
    pub(super) fn latest_deadline(&self) -> Option<Instant> {
        let deadlines = self.pending.iter().filter_map(|pending| match pending {
            Pending::Caller { deadline, .. } => Some(*deadline),
            _ => None,
        });
        deadlines.max()
    }

    pub(super) fn probe(&mut self, session: &mut ClientSession) {
        self.probing = true;
        if let Ok(command) = Command::api("hostname")
            && session.submit(&command).is_ok()
        {
            self.pending.push_back(Pending::Probe);
        }
    }

    fn undo(&mut self, then: Then) {
        match then {
            Then::ByHand(undo) => self.ledger.undo(&undo),
            Then::Job(uuid) => self.waiters.forget_job(&uuid),
            Then::Execution(uuid) => self.waiters.forget_execution(&uuid),
        }
    }

    /// Takes what the session has to say. `Some` when the link is over.
    pub(super) fn on_output(&mut self, output: Output) -> Option<CloseReason> {
        let counters = &self.common.counters;
        match output {
            Output::Event(event) => self.on_event(&event),
            Output::Reply(_, reply) => self.on_reply(reply),
            Output::Log(line) => {
                Counters::add(&counters.log_lines, 1);
                let lost = self.logs.deliver(line);
                Counters::add(&self.common.counters.events_lagged, lost);
            }
            Output::Unreadable(frame, error) => {
                Counters::add(&counters.events_unreadable, 1);
                tracing::warn!(%error, bytes = frame.raw().len(), "an event cannot be read; it is dropped");
            }
            Output::Unknown(frame) => {
                Counters::add(&counters.frames_unknown, 1);
                tracing::debug!(content_type = %frame.content_type(), "a frame of an unknown kind is skipped");
            }
            Output::Linger(_) => {
                self.common
                    .lingering
                    .store(true, std::sync::atomic::Ordering::Relaxed);
            }
            Output::Unanswered(_, outcome) => self.unanswered.push_back(outcome),
            Output::Closed(reason) => return Some(reason),
            Output::Authenticated(_) | Output::Connected(_) | _ => {}
        }
        None
    }

    fn on_reply(&mut self, reply: Reply) {
        let counters = &self.common.counters;
        Counters::add(&counters.replies, 1);
        let refused = reply.is_refused();
        if refused {
            Counters::add(&counters.refused, 1);
        }
        match self.pending.pop_front() {
            Some(Pending::Caller {
                reply: caller,
                then,
                ..
            }) => {
                if refused {
                    self.undo(then);
                }
                if self.ledger.take_changed() {
                    self.observe_ends();
                }
                if caller.send(Ok(reply)).is_err() {
                    Counters::add(&self.common.counters.replies_unclaimed, 1);
                }
            }
            Some(Pending::Ledger { names, done }) => {
                if refused {
                    tracing::warn!(reply = %reply.text().trim_end(), "FreeSWITCH refused to change what it sends");
                    self.ledger.refused(&names);
                }
                self.observe_ends();
                for (id, done) in done {
                    let answer = if refused {
                        let command = if names.is_empty() { "log" } else { "event" };
                        Err(Error::refused(command, &reply))
                    } else {
                        Ok(())
                    };
                    if answer.is_err() {
                        self.drop_subscriber(id);
                    }
                    let _ = done.send(answer);
                }
            }
            Some(Pending::Alive) => self.observe_alive(&reply),
            Some(Pending::Probe) | None => {}
        }
    }

    fn on_event(&mut self, event: &Event) {
        let route = event.route();
        Counters::add(&self.common.counters.events, 1);
        if route.name == "HEARTBEAT" {
            self.last_heartbeat = Instant::now();
        }
        if self.observe.is_active() {
            self.observe.read(event, &route);
        }
        let awaited = self.waiters.on_event(event, &route);
        let delivered = self.router.deliver(event, &route);
        if self.observe.is_active() {
            let routed = observe::Routed {
                by_channel: delivered.by_channel,
                to_consumer: delivered.to_consumer,
                lost: delivered.dropped,
            };
            self.observe.event(event, routed);
        }
        if let Some(ending) = self.common.ending.get() {
            ending.on_event(&route);
        }
        self.pressed |= delivered.pressed;
        self.handed |= delivered.readers > 0;
        if delivered.readers == 0 && !awaited {
            Counters::add(&self.common.counters.events_unclaimed, 1);
        }
        if delivered.dropped > 0 {
            Counters::add(&self.common.counters.events_lagged, delivered.dropped);
        }
        match self.lag.see(event, self.common.options.lag_warning) {
            Lag::NotMeasured => {}
            Lag::Measured(lag) => self.set_lag(lag),
            Lag::Warn(lag) => {
                self.set_lag(lag);
                tracing::warn!(
                    lag_ms = lag.as_millis() as u64,
                    "events arrive late: FreeSWITCH keeps 100,000 for a slow listener, then drops \
                     them, then closes the connection"
                );
            }
        }
    }

    /// Something else may run now.
    pub(super) fn observe_pause(&mut self) {
        if self.observe.is_active() {
            self.observe.flush();
        }
    }

    fn set_lag(&self, lag: Duration) {
        let micros = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        self.common
            .counters
            .lag_micros
            .store(micros, std::sync::atomic::Ordering::Relaxed);
    }

    /// The link is over: everyone who waited hears why.
    pub(crate) fn link_lost(&mut self, reason: &CloseReason) {
        let mut outcomes = std::mem::take(&mut self.unanswered);
        for pending in self.pending.drain(..) {
            let outcome = outcomes.pop_front().unwrap_or(Outcome::Unknown);
            match pending {
                Pending::Caller { reply, .. } => {
                    let _ = reply.send(Err(Error::disconnected(reason, outcome)));
                }
                Pending::Ledger { done, .. } => {
                    for (_, done) in done {
                        let _ = done.send(Err(Error::disconnected(reason, outcome)));
                    }
                }
                Pending::Probe | Pending::Alive => {}
            }
        }
        self.observe.link_lost();
        self.compare_by = None;
        self.waiters.link_lost(reason);
        self.router.lost(reason);
    }

    /// No link will follow: streams end, and so does every request that is still in the channel.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.over = true;
        self.common.set_closed(reason.clone());
        self.requests.close();
        while let Ok(request) = self.requests.try_recv() {
            let error = || Error::disconnected(&reason, Outcome::NotSent);
            match request {
                Request::Command { reply, .. }
                | Request::Job { reply, .. }
                | Request::Execute { reply, .. } => drop(reply.send(Err(error()))),
                Request::Subscribe { done, .. } | Request::Log { done, .. } => {
                    drop(done.send(Err(error())));
                }
                Request::Unsubscribe(_) | Request::HandOver { .. } | Request::Close { .. } => {}
            }
        }
        self.router.close(&reason);
        self.logs.close();
    }
}

/// The names that an `event` command of the ledger asks for.
fn named_by(command: &Command) -> EventSet {
    match command.verb() {
        Verb::Event => crate::ledger::events_of(command),
        _ => EventSet::new(),
    }
}

impl Drop for Core {
    /// The task was dropped before its end, with its runtime or by a panic: nobody may wait for it.
    fn drop(&mut self) {
        if !self.over {
            let reason = CloseReason::EndOfStream {
                inside_frame: false,
            };
            self.link_lost(&reason);
            self.close(reason);
        }
    }
}
