//! The one task of a handle on Redis: commands, messages and timers become steps.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::super::backend::{Entry, Place, QueueState};
use super::line::{Line, Question, Times};
use super::step::{Call, Reply, SCRIPT};
use crate::Result;
use crate::redis::{Heard, RedisStore, Script, Subscriber};

/// How long the keys of a queue stay after its last step.
const KEYS_STAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many commands are taken before steps are made of them.
const COMMANDS_AT_ONCE: usize = 256;

#[derive(Debug)]
pub(super) struct Command {
    pub(super) queue: Arc<str>,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Enter(Entry, watch::Sender<Place>),
    Leave(Uuid, oneshot::Sender<Result<()>>),
    Follow(Uuid, watch::Sender<Option<usize>>),
    Watch(watch::Sender<Option<QueueState>>),
    Ask(Question),
}

struct Local {
    line: Line,
    hears_changes: bool,
    scheduled: Option<Instant>,
}

type Flight = BoxFuture<'static, (Arc<str>, Call, Result<Reply>)>;

pub(super) struct Driver {
    store: RedisStore,
    script: Arc<Script>,
    times: Times,
    names: Arc<Names>,
    commands: mpsc::UnboundedReceiver<Command>,
    subscriber: Subscriber,
    lines: HashMap<Arc<str>, Local>,
    schedule: BTreeSet<(Instant, Arc<str>)>,
    flights: FuturesUnordered<Flight>,
    /// When everything is renewed, while there is something.
    renewal: Option<Instant>,
    /// Until when what is left may still be given back, once nobody has a handle.
    closing: Option<Instant>,
    numbers: u64,
}

/// Names of keys and channels.
#[derive(Debug)]
struct Names {
    prefix: String,
}

impl Names {
    fn key(&self, queue: &str, part: &str) -> String {
        format!("{}queue:{{{queue}}}:{part}", self.prefix)
    }

    fn process(&self, process: &str) -> String {
        format!("{}queue-process:{process}", self.prefix)
    }

    /// The queue of a channel for changes.
    fn queue_of<'a>(&self, channel: &'a str) -> Option<&'a str> {
        let queue = channel
            .strip_prefix(&self.prefix)?
            .strip_prefix("queue:{")?;
        queue.strip_suffix("}:changed")
    }
}

impl Driver {
    pub(super) fn new(
        store: RedisStore,
        times: Times,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let names = Names {
            prefix: store.options().key_prefix().to_owned(),
        };
        let subscriber = store.subscribe(vec![names.process(store.process())]);
        Self {
            store,
            script: Arc::new(Script::new(SCRIPT)),
            times,
            names: Arc::new(names),
            commands,
            subscriber,
            lines: HashMap::new(),
            schedule: BTreeSet::new(),
            flights: FuturesUnordered::new(),
            renewal: None,
            closing: None,
            numbers: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let mut commands = Vec::with_capacity(COMMANDS_AT_ONCE);
        loop {
            let next = self.schedule.first().map(|(due, _)| *due);
            let next = [next, self.renewal, self.closing]
                .into_iter()
                .flatten()
                .min();
            let timer = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                count = self.commands.recv_many(&mut commands, COMMANDS_AT_ONCE),
                    if self.closing.is_none() =>
                {
                    if count == 0 {
                        self.close();
                    }
                    self.take(&mut commands);
                }
                heard = self.subscriber.next() => match heard {
                    Some(heard) => self.hear(heard),
                    None => return, // the runtime shuts down
                },
                Some((queue, call, reply)) = self.flights.next() => {
                    if let Some(place) = self.lines.get_mut(&queue) {
                        place.line.arrived(call, reply);
                    }
                    self.settle(&queue);
                }
                () = timer => self.tick(),
            }
            if let Some(until) = self.closing
                && (self.lines.is_empty() || until <= Instant::now())
            {
                return;
            }
        }
    }

    fn take(&mut self, commands: &mut Vec<Command>) {
        let mut touched = BTreeSet::new();
        for Command { queue, what } in commands.drain(..) {
            let line = &mut self
                .lines
                .entry(Arc::clone(&queue))
                .or_insert_with(|| Local {
                    line: Line::new(Arc::clone(&queue), self.times),
                    hears_changes: false,
                    scheduled: None,
                })
                .line;
            match what {
                What::Enter(entry, place) => {
                    self.numbers += 1;
                    line.enter(self.numbers, entry, place);
                }
                What::Leave(ticket, left) => line.leave(ticket, left),
                What::Follow(ticket, positions) => line.follow(ticket, positions),
                What::Watch(states) => line.watch(states),
                What::Ask(question) => line.ask(question),
            }
            touched.insert(queue);
        }
        for queue in touched {
            self.settle(&queue);
        }
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Gap => {
                let queues: Vec<_> = self.lines.keys().cloned().collect();
                for queue in queues {
                    if let Some(place) = self.lines.get_mut(&queue) {
                        place.line.missed();
                    }
                    self.settle(&queue);
                }
            }
            Heard::Added(channel) => self.changed(&channel),
            Heard::Message { channel, payload } if payload.is_empty() => self.changed(&channel),
            Heard::Message { payload, .. } => {
                let Some((tokens, queue)) = std::str::from_utf8(&payload)
                    .ok()
                    .and_then(|text| text.split_once('\n'))
                else {
                    tracing::debug!("a message on our channel is not ours");
                    return;
                };
                let Some((queue, place)) = self
                    .lines
                    .get_key_value(queue)
                    .map(|(key, _)| key.clone())
                    .and_then(|key| self.lines.get_mut(&key).map(|place| (key, place)))
                else {
                    return;
                };
                for number in tokens.split(' ').filter_map(|token| token.parse().ok()) {
                    place.line.granted(number);
                }
                self.settle(&queue);
            }
        }
    }

    fn changed(&mut self, channel: &str) {
        let queue = self.names.queue_of(channel).unwrap_or_default();
        let queue: Arc<str> = queue.into();
        if let Some(place) = self.lines.get_mut(&queue) {
            place.line.changed();
            self.settle(&queue);
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if self.renewal.is_some_and(|at| at <= now) {
            self.renewal = None;
            let queues: Vec<_> = self.lines.keys().cloned().collect();
            for queue in queues {
                if let Some(place) = self.lines.get_mut(&queue) {
                    place.line.renew();
                }
                self.settle(&queue);
            }
        }
        while let Some((due, queue)) = self.schedule.first().cloned()
            && due <= now
        {
            self.schedule.pop_first();
            if let Some(place) = self.lines.get_mut(&queue) {
                place.scheduled = None;
            }
            self.settle(&queue);
        }
    }

    fn close(&mut self) {
        self.closing = Some(Instant::now() + self.times.patience);
        let queues: Vec<_> = self.lines.keys().cloned().collect();
        for queue in queues {
            if let Some(place) = self.lines.get_mut(&queue) {
                place.line.close();
            }
            self.settle(&queue);
        }
    }

    /// Sends what is to be sent, and notes when to look at the line again.
    fn settle(&mut self, queue: &Arc<str>) {
        let Some(place) = self.lines.get_mut(queue) else {
            return;
        };
        if let Some(call) = place.line.next_call() {
            self.numbers += 1;
            let flight = fly(
                self.store.clone(),
                Arc::clone(&self.script),
                Arc::clone(&self.names),
                Arc::clone(queue),
                self.numbers,
                call,
            );
            self.flights.push(flight.boxed());
        }
        let wants_changes = place.line.wants_changes();
        if wants_changes != place.hears_changes {
            place.hears_changes = wants_changes;
            let channel = self.names.key(queue, "changed");
            if wants_changes {
                self.subscriber.add(channel);
            } else {
                self.subscriber.remove(channel);
            }
        }
        if place.line.active() > 0 && self.renewal.is_none() {
            self.renewal = Some(Instant::now() + self.times.lease / 3);
        }
        let due = place.line.due(Instant::now());
        if due != place.scheduled {
            if let Some(was) = place.scheduled {
                self.schedule.remove(&(was, Arc::clone(queue)));
            }
            if let Some(due) = due {
                self.schedule.insert((due, Arc::clone(queue)));
            }
            place.scheduled = due;
        }
        if due.is_none() && !wants_changes && place.line.is_over() {
            self.lines.remove(queue);
        }
    }
}

async fn fly(
    store: RedisStore,
    script: Arc<Script>,
    names: Arc<Names>,
    queue: Arc<str>,
    number: u64,
    call: Call,
) -> (Arc<str>, Call, Result<Reply>) {
    let keys = ["meta", "line", "held", "owner", "procs"].map(|part| names.key(&queue, part));
    let keys = keys.each_ref().map(String::as_str);
    let [mode, known, stays] = call.head();
    let mut args = vec![
        queue.to_string(),
        store.process().to_owned(),
        number.to_string(),
        store.options().lease_time().as_micros().to_string(),
        KEYS_STAY.as_millis().to_string(),
        mode,
        known,
        stays,
        names.process(""),
        names.key(&queue, "changed"),
    ];
    call.tail(&mut args);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let value = store.run(&script, &keys, &args).await;
    let reply = value.and_then(Reply::parse);
    (queue, call, reply)
}
