//! The task that reads the stream and gives handlers their turn.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use genesis_proto::Event;
use tokio::sync::oneshot;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};

use super::Limits;
use super::handlers::{HandlerResult, Index};
use super::hook::{FailureCause, HandlerFailure, Hook, Missed};
use super::lanes::{Bounds, Lane, Lanes, Place, Work};
use super::running::{Counters, add};
use crate::observe;
use crate::subscription::{EventStream, Item};

/// After how many items that were there at once other tasks get their turn: on a runtime of one
/// thread nothing else could make room.
const ITEMS_AT_ONCE: usize = 64;

/// What a task of the set is.
#[derive(Debug)]
enum Task {
    Handler(Box<Turn>),
    Missed,
    Failure,
}

/// An event whose handlers run one after another.
#[derive(Debug)]
struct Turn {
    place: Place,
    work: Work,
    /// Which of its handlers is next.
    next: usize,
    observed: observe::Processing,
}

/// What ends a consumer.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) observed: observe::Operation,
    /// Its events end where those of another begin.
    pub(super) handed_over: bool,
}

/// How a task ended, unless it panicked.
#[derive(Debug)]
enum Finished {
    Handled(HandlerResult),
    TimedOut,
}

type Joined = Result<(Id, Finished), JoinError>;

#[derive(Debug)]
pub(super) struct Dispatcher {
    index: Index,
    lanes: Lanes,
    /// Dropping it cancels everything in it.
    tasks: JoinSet<Finished>,
    running: HashMap<Id, Task>,
    at_work: usize,
    missed: Hook<Missed>,
    failures: Hook<HandlerFailure>,
    counters: Arc<Counters>,
    limits: Limits,
    observe: observe::Connection,
    /// What waits, for telemetry.
    waiting: observe::Level,
}

impl Dispatcher {
    pub(super) fn new(
        index: Index,
        missed: Hook<Missed>,
        failures: Hook<HandlerFailure>,
        limits: Limits,
        observe: observe::Connection,
    ) -> Self {
        let lanes = Lanes::new(Bounds {
            lanes: limits.lanes,
            queue: limits.lane_queue,
            bytes: limits.queue_bytes,
        });
        Self {
            index,
            lanes,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            at_work: 0,
            missed,
            failures,
            counters: Arc::default(),
            limits,
            waiting: observe.level("genesis_events_queue_depth", &[]),
            observe,
        }
    }

    pub(super) fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// Runs until the stream ends or `stop` says so, and then until what is queued is handled.
    pub(super) async fn run(mut self, mut stream: EventStream, mut stop: oneshot::Receiver<Stop>) {
        let mut at_once = 0;
        let mut stopped = None;
        loop {
            self.launch();
            tokio::select! {
                told = &mut stop, if stopped.is_none() => match told {
                    Ok(told) => {
                        stopped = Some(told.observed);
                        // the connection, not this task, knows the last event that is this one's: what
                        // it has yet to read before that would be nobody's if the stream were left
                        if !told.handed_over {
                            break;
                        }
                    }
                    // when only the handle was dropped, the task is aborted
                    Err(_) => break,
                },
                Some(joined) = self.tasks.join_next_with_id() => self.on_joined(joined),
                item = stream.next() => match item {
                    Some(item) => {
                        self.on_item(item);
                        at_once += 1;
                    }
                    None => break,
                },
            }
            if at_once >= ITEMS_AT_ONCE {
                at_once = 0;
                self.launch();
                tokio::task::yield_now().await;
            }
        }
        while let Some(item) = stream.try_next() {
            self.on_item(item);
        }
        drop(stream);
        let told = stopped.is_some();
        let observed = stopped.unwrap_or_else(|| self.observe.operation("consumer.stop", None));
        self.drain().await;
        observed.succeeded();
        if !told && let Ok(told) = stop.try_recv() {
            // it was told while it ended by itself
            told.observed.succeeded();
        }
    }

    /// Handles what is queued, within the deadline.
    async fn drain(&mut self) {
        // far enough for "never"
        let longest = Duration::from_secs(365 * 24 * 3600);
        let deadline = Instant::now() + self.limits.drain_timeout.min(longest);
        loop {
            self.launch();
            if self.is_idle() {
                break;
            }
            match timeout_at(deadline, self.tasks.join_next_with_id()).await {
                Ok(Some(joined)) => self.on_joined(joined),
                Ok(None) => break,
                Err(_) => {
                    self.abandon();
                    break;
                }
            }
        }
        self.measure();
    }

    fn is_idle(&self) -> bool {
        self.at_work == 0
            && self.lanes.queued() == 0
            && self.missed.is_idle()
            && self.failures.is_idle()
    }

    fn abandon(&mut self) {
        let abandoned = (self.at_work + self.lanes.queued()) as u64;
        tracing::warn!(
            abandoned,
            "the consumer's end took too long; the rest is abandoned"
        );
        add(&self.counters.abandoned, abandoned);
        self.tasks.abort_all();
        self.running.clear();
        self.at_work = 0;
        self.lanes = Lanes::new(Bounds {
            lanes: 1,
            queue: 1,
            bytes: 0,
        });
    }

    fn on_item(&mut self, item: Item) {
        match item {
            Item::Event(event) => self.on_event(event),
            Item::Lagged(count) => {
                add(&self.counters.lagged, count);
                self.missed.tell_lagged(count, None);
            }
            Item::Gap(gap) => {
                add(&self.counters.gaps, 1);
                self.missed.tell_gap(gap);
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        add(&self.counters.events, 1);
        let (lane, handlers) = {
            let route = event.route();
            (Lane::of(&route), self.index.matching(&event, &route))
        };
        if handlers.is_empty() {
            add(&self.counters.unmatched, 1);
            drop(self.observe.processing(&event));
            return;
        }
        let lost = self.lanes.push(Work {
            lane,
            event,
            handlers,
        });
        for lane in lost {
            add(&self.counters.dropped, 1);
            self.observe.count("genesis_events_lagged_total", &[], 1);
            self.missed.tell_lagged(1, Some(lane));
        }
    }

    /// Starts whatever may run now.
    fn launch(&mut self) {
        while self.at_work < self.limits.at_work.max(1)
            && let Some((place, work)) = self.lanes.pop()
        {
            self.at_work += 1;
            let observed = self.observe.processing(&work.event);
            self.spawn_handler(Box::new(Turn {
                place,
                work,
                next: 0,
                observed,
            }));
        }
        let limit = self.limits.handler_timeout;
        if let Some(call) = self.missed.next() {
            let task = self.tasks.spawn(told(limit, call));
            self.running.insert(task.id(), Task::Missed);
        }
        if let Some(call) = self.failures.next() {
            let task = self.tasks.spawn(told(limit, call));
            self.running.insert(task.id(), Task::Failure);
        }
        self.measure();
    }

    /// Runs the next handler of the event, or gives the lane its next turn.
    fn spawn_handler(&mut self, turn: Box<Turn>) {
        let handler = turn.work.handlers.get(turn.next);
        let Some(handler) = handler.and_then(|at| self.index.get(*at)) else {
            self.at_work -= 1;
            self.lanes.done(&turn.place, &turn.work);
            return;
        };
        let call = handler.call.clone();
        // before the clone, which then shares the index of the headers
        let name = turn.work.event.name();
        let event = turn.work.event.clone();
        let limit = self.limits.handler_timeout;
        let labels = [("event.name", name.as_str())];
        self.observe
            .count("genesis_consumer_handlers_total", &labels, 1);
        let task = self.tasks.spawn(turn.observed.run(async move {
            // called inside, so that a panic before its first await is its task's too
            match timeout(limit, async move { call(event).await }).await {
                Ok(result) => Finished::Handled(result),
                Err(_) => Finished::TimedOut,
            }
        }));
        self.running.insert(task.id(), Task::Handler(turn));
    }

    fn on_joined(&mut self, joined: Joined) {
        let id = match &joined {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        match self.running.remove(&id) {
            Some(Task::Handler(mut turn)) => {
                self.on_handled(&turn, joined);
                turn.next += 1;
                self.spawn_handler(turn);
            }
            Some(Task::Missed) => {
                self.missed.done();
                hook_ended("on_gap", &joined);
            }
            Some(Task::Failure) => {
                self.failures.done();
                hook_ended("on_error", &joined);
            }
            None => {}
        }
    }

    fn on_handled(&mut self, turn: &Turn, joined: Joined) {
        let work = &turn.work;
        let (counter, cause) = match joined {
            Ok((_, Finished::Handled(Ok(())))) => return add(&self.counters.succeeded, 1),
            Ok((_, Finished::Handled(Err(error)))) => {
                (&self.counters.failed, FailureCause::Error(error))
            }
            Ok((_, Finished::TimedOut)) => {
                let limit = self.limits.handler_timeout;
                (&self.counters.timed_out, FailureCause::Timeout(limit))
            }
            Err(error) => {
                let message = match error.try_into_panic() {
                    Ok(payload) => panic_message(&*payload),
                    Err(_) => "the runtime is shutting down".to_owned(),
                };
                (&self.counters.panicked, FailureCause::Panic(message))
            }
        };
        add(counter, 1);
        let name = work.event.name();
        let labels = [("event.name", name.as_str()), ("error", cause.kind())];
        self.observe
            .count("genesis_handler_failures_total", &labels, 1);
        self.observe
            .handler_failed(&turn.observed, cause.kind(), &cause, cause.stack());
        turn.observed.inside(|| {
            tracing::error!(
                event = %work.event.name(),
                unique_id = work.event.unique_id().as_deref(),
                cause = cause.kind(),
                "an event's handler did not do its work"
            );
        });
        let event = work.event.clone();
        self.failures.tell(HandlerFailure { event, cause });
    }

    fn measure(&mut self) {
        self.waiting.set(self.lanes.queued() as u64);
        let gauges = [
            (&self.counters.lanes, self.lanes.len()),
            (&self.counters.queued, self.lanes.queued()),
            (&self.counters.queued_bytes, self.lanes.bytes()),
            (&self.counters.at_work, self.at_work),
        ];
        for (gauge, value) in gauges {
            gauge.store(value as u64, Ordering::Relaxed);
        }
    }
}

async fn told(limit: Duration, call: impl Future<Output = ()>) -> Finished {
    match timeout(limit, call).await {
        Ok(()) => Finished::Handled(Ok(())),
        Err(_) => Finished::TimedOut,
    }
}

fn hook_ended(hook: &'static str, joined: &Joined) {
    let cause = match joined {
        Ok((_, Finished::Handled(_))) => return,
        Ok((_, Finished::TimedOut)) => "timeout",
        Err(_) => "panic",
    };
    tracing::error!(hook, cause, "a hook of the consumer did not do its work");
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&'static str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("(no message)").to_owned()
}
