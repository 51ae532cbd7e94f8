//! A simulated switch in memory, a client of it, and what the switch saw.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use genesis_ringgroup::channel::client::proto::{EventName, HangupCause};
use genesis_ringgroup::channel::client::{Client, Inbound, Options, Reconnect, Session};
use genesis_ringgroup::{Outcome, Ring};
use genesis_sim::Sim;
use genesis_sim::switch::{EventFeed, SwitchOptions};

/// A switch without a heartbeat: its limits as FreeSWITCH is installed.
pub async fn switch() -> Arc<Sim> {
    switch_with(|_| {}).await
}

pub async fn switch_with(change: impl FnOnce(&mut SwitchOptions)) -> Arc<Sim> {
    let sim = Sim::builder().switch(|options| {
        options.heartbeat = None;
        change(options);
    });
    Arc::new(sim.start().await.unwrap())
}

pub async fn connect(sim: &Sim) -> Client {
    let client = Inbound::builder().connect_over(sim.connect());
    client.await.unwrap()
}

/// A client that comes back when its link is cut: within a fifth of a second, if it may.
pub async fn reconnecting(sim: &Arc<Sim>) -> Client {
    let switch = sim.clone();
    let reconnect = Reconnect {
        first: Duration::from_millis(100),
        max: Duration::from_millis(200),
        ..Reconnect::default()
    };
    let client = Inbound::builder().reconnect(reconnect);
    client
        .connect_with(move || {
            let io = switch.connect();
            async move { Ok(io) }
        })
        .await
        .unwrap()
}

/// A call that runs `socket app:1 MODE` in the switch, taken over by a session.
pub async fn session(mode: &str) -> (Arc<Sim>, Session) {
    let sim = switch().await;
    let mut arrivals = sim.listen_in_memory("app:1");
    let line = format!("null/1 '&socket(app:1 {mode})'");
    let answer = sim.switch().api("originate", &line).await;
    assert!(answer.starts_with("+OK"), "{answer}");
    let io = arrivals.accept().await.unwrap();
    let session = Session::over(io, Options::default()).await.unwrap();
    (sim, session)
}

/// Fails the test if `future` takes longer than ten minutes of paused time.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(600), future)
        .await
        .expect("it hangs")
}

/// Waits until the switch has no channel but these, not even one that is being taken down. Fails after `within` of paused time.
pub async fn only_left(sim: &Sim, left: &[&str], within: Duration) {
    let mut events = sim.switch().subscribe();
    let wait = async {
        loop {
            let up = sim.switch().channels();
            let kept = up.iter().all(|uuid| left.contains(&uuid.as_str()));
            if kept && sim.switch().session_count() == up.len() {
                return;
            }
            if events.recv().await.is_none() {
                return;
            }
        }
    };
    if tokio::time::timeout(within, wait).await.is_err() {
        let (up, all) = (sim.switch().channels(), sim.switch().session_count());
        panic!("left over: {up:?}, {all} in all");
    }
}

/// How every channel of the switch ended, and the most that were created within any second.
pub struct Seen {
    events: EventFeed,
    causes: HashMap<String, HangupCause>,
    created: Vec<u64>,
    answered: usize,
}

impl Seen {
    /// From now on.
    pub fn of(sim: &Sim) -> Self {
        Self {
            events: sim.switch().subscribe(),
            causes: HashMap::new(),
            created: Vec::new(),
            answered: 0,
        }
    }

    fn read(&mut self) {
        while let Some(event) = self.events.try_recv() {
            match event.name {
                EventName::ChannelCreate => {
                    let at = event.header("Event-Date-Timestamp").unwrap();
                    self.created.push(at.parse().unwrap());
                }
                EventName::ChannelAnswer => self.answered += 1,
                EventName::ChannelHangup => {
                    let cause = event.header("Hangup-Cause").unwrap();
                    let uuid = event.unique_id.clone().unwrap();
                    self.causes.insert(uuid, HangupCause::from(cause.as_str()));
                }
                _ => {}
            }
        }
    }

    /// How many channels there have been.
    pub fn created(&mut self) -> usize {
        self.read();
        self.created.len()
    }

    /// The most channels that were created within any second.
    pub fn busiest_second(&mut self) -> usize {
        self.read();
        let windows = self.created.iter().enumerate().map(|(first, from)| {
            let rest = &self.created[first..];
            rest.iter().take_while(|at| **at < from + 1_000_000).count()
        });
        windows.max().unwrap_or(0)
    }

    /// How many channels have been answered.
    pub fn answered(&mut self) -> usize {
        self.read();
        self.answered
    }

    /// How all channels that have ended did.
    pub fn causes(&mut self) -> Vec<HangupCause> {
        self.read();
        self.causes.values().cloned().collect()
    }

    /// How the channel ended, once it has.
    pub fn cause(&mut self, uuid: &str) -> Option<HangupCause> {
        self.read();
        self.causes.get(uuid).cloned()
    }
}

pub fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub fn outcomes(ring: &Ring) -> Vec<Outcome> {
    let reports = ring.destinations().iter();
    reports.map(|report| report.outcome.clone()).collect()
}

pub fn won(ring: &Ring) -> usize {
    ring.answered_by().unwrap().index
}

/// Hangs up whoever answered, and waits until nothing is left.
pub async fn clear(sim: &Sim, ring: Ring) {
    if let Some(channel) = ring.into_channel() {
        channel.hangup(None).await.unwrap();
    }
    only_left(sim, &[], seconds(5)).await;
}
