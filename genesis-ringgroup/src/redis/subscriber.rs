//! What others publish, heard on a connection that comes back.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::store::{LONGEST_PAUSE, SHORTEST_PAUSE};

/// Messages that may wait for a reader; past that they are dropped and [`Heard::Gap`] says so.
const WAITING_MESSAGES: usize = 1024;

/// How many channels one command names.
const CHANNELS_AT_ONCE: usize = 1000;

/// What a [`Subscriber`] hears.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Something was published.
    Message { channel: String, payload: Vec<u8> },
    /// Messages may have been missed until now (the connection is new, or the reader was slow), and
    /// none will be from now on: look at everything again.
    Gap,
    /// A channel that was [added](Subscriber::add) is heard from now on.
    Added(String),
}

enum Change {
    Add(String),
    Remove(String),
}

/// Hears channels. Dropping it ends the connection.
#[derive(Debug)]
pub(crate) struct Subscriber {
    heard: mpsc::Receiver<Heard>,
    changes: mpsc::UnboundedSender<Change>,
}

impl Subscriber {
    pub(super) fn start(
        client: redis::Client,
        address: String,
        connect_timeout: Duration,
        channels: Vec<String>,
    ) -> Self {
        let (heard_tx, heard) = mpsc::channel(WAITING_MESSAGES);
        let (changes, changes_rx) = mpsc::unbounded_channel();
        let task = Task {
            client,
            address,
            connect_timeout,
            channels: channels.into_iter().collect(),
            heard: heard_tx,
            changes: changes_rx,
            missed: true,
            added: VecDeque::new(),
        };
        tokio::spawn(task.run());
        Self { heard, changes }
    }

    /// The next message or gap; `None` only when the runtime shuts down.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }

    /// Hears this channel too. [`Heard::Added`] or [`Heard::Gap`] comes once it does.
    pub(crate) fn add(&self, channel: String) {
        // the task ends only with us
        let _ = self.changes.send(Change::Add(channel));
    }

    /// Hears this channel no longer.
    pub(crate) fn remove(&self, channel: String) {
        let _ = self.changes.send(Change::Remove(channel));
    }
}

struct Task {
    client: redis::Client,
    address: String,
    connect_timeout: Duration,
    channels: HashSet<String>,
    heard: mpsc::Sender<Heard>,
    changes: mpsc::UnboundedReceiver<Change>,
    /// A gap is to be told when there is room.
    missed: bool,
    /// What is heard now, and is to be told when there is room.
    added: VecDeque<String>,
}

/// Why listening ended.
enum Ended {
    Lost,
    Dropped,
}

impl Task {
    async fn run(mut self) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            match self.connect().await {
                Ok((sink, stream)) => {
                    pause = SHORTEST_PAUSE;
                    self.missed = true;
                    if let Ended::Dropped = self.listen(sink, stream).await {
                        return;
                    }
                    tracing::debug!(address = %self.address, "the subscription at Redis was lost");
                }
                Err(reason) => {
                    tracing::debug!(address = %self.address, %reason, "no subscription at Redis");
                }
            }
            // a server that is down is tried again after a pause; whoever waits has timers of its own
            let until = Instant::now() + pause;
            pause = LONGEST_PAUSE.min(pause * 2);
            loop {
                tokio::select! {
                    () = sleep_until(until) => break,
                    () = self.heard.closed() => return,
                    change = self.changes.recv() => match change {
                        Some(change) => note(&mut self.channels, change),
                        None => return,
                    },
                }
            }
        }
    }

    async fn connect(&self) -> Result<(PubSubSink, PubSubStream), String> {
        let made = async {
            let (mut sink, stream) = self.client.get_async_pubsub().await?.split();
            // one way there and back for many: all have to fit into the time for connecting
            let channels: Vec<&String> = self.channels.iter().collect();
            for channels in channels.chunks(CHANNELS_AT_ONCE) {
                sink.subscribe(channels).await?;
            }
            Ok::<_, redis::RedisError>((sink, stream))
        };
        match timeout(self.connect_timeout, made).await {
            Ok(Ok(made)) => Ok(made),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {:?}", self.connect_timeout)),
        }
    }

    async fn listen(&mut self, mut sink: PubSubSink, mut stream: PubSubStream) -> Ended {
        loop {
            tokio::select! {
                message = stream.next() => {
                    let Some(message) = message else { return Ended::Lost };
                    if self.missed {
                        // the gap that is still to be told covers this one too
                        continue;
                    }
                    let heard = Heard::Message {
                        channel: message.get_channel_name().to_owned(),
                        payload: message.get_payload_bytes().to_vec(),
                    };
                    if let Err(mpsc::error::TrySendError::Full(_)) = self.heard.try_send(heard) {
                        self.missed = true;
                    }
                }
                permit = self.heard.reserve(), if self.missed || !self.added.is_empty() => {
                    let Ok(permit) = permit else { return Ended::Dropped };
                    match self.added.pop_front() {
                        // a gap covers what was added
                        Some(channel) if !self.missed => permit.send(Heard::Added(channel)),
                        _ => {
                            permit.send(Heard::Gap);
                            self.missed = false;
                            self.added.clear();
                        }
                    }
                }
                change = self.changes.recv() => {
                    let Some(change) = change else { return Ended::Dropped };
                    let wire = match &change {
                        Change::Add(channel) => timeout(self.connect_timeout, sink.subscribe(channel)).await,
                        Change::Remove(channel) => timeout(self.connect_timeout, sink.unsubscribe(channel)).await,
                    };
                    let added = match &change {
                        Change::Add(channel) => Some(channel.clone()),
                        Change::Remove(_) => None,
                    };
                    note(&mut self.channels, change);
                    match wire {
                        Ok(Ok(())) => self.added.extend(added),
                        Ok(Err(_)) | Err(_) => return Ended::Lost,
                    }
                }
                () = self.heard.closed() => return Ended::Dropped,
            }
        }
    }
}

fn note(channels: &mut HashSet<String>, change: Change) {
    match change {
        Change::Add(channel) => channels.insert(channel),
        Change::Remove(channel) => channels.remove(&channel),
    };
}
