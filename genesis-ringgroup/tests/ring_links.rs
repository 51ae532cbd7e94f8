//! Ring groups and what they depend on: outbound sessions, links that are lost, balancers.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod ring_support;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::join_all;
use genesis_ringgroup::balance::LoadKeeper;
use genesis_ringgroup::channel::client::proto::HangupCause;
use genesis_ringgroup::channel::client::{Client, Inbound};
use genesis_ringgroup::channel::{Channel, Pace};
use genesis_ringgroup::{
    Choice, Destination, Error, ErrorKind, Load, LoadBalancer, MemoryBalancer, Outcome, Ring,
    RingGroup, RingMode,
};
use genesis_sim::Sim;
use genesis_sim::script::{Destination as Dialed, Script};
use ring_support::{
    Seen, clear, connect, ms, only_left, outcomes, reconnecting, seconds, session, soon, switch,
    switch_with, won,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test(start_paused = true)]
async fn over_an_outbound_session() {
    for (mode, allowed) in [
        ("async full", true),
        ("full", true),
        ("async", false),
        ("", false),
    ] {
        let (sim, session) = session(mode).await;
        let caller = session.uuid().to_owned();
        let group = RingGroup::new(["sim/busy", "sim/answer?after=2s", "sim/no_answer"]);
        let ring = soon(group.ring(session.client())).await;
        if !allowed {
            let error = ring.unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Channel);
            assert!(error.to_string().contains("async full"), "{error}");
            continue;
        }
        let mut ring = ring.unwrap();
        assert_eq!(won(&ring), 1, "{mode}");
        soon(ring.losers_gone()).await.unwrap();
        let callee = ring.channel().unwrap().uuid().to_owned();
        only_left(&sim, &[&caller, &callee], seconds(1)).await;

        // the socket is cut: no other will come
        let group = RingGroup::new(["sim/no_answer"; 2]);
        let cut = async {
            tokio::time::sleep(seconds(2)).await;
            sim.faults().cut_all();
        };
        let (ring, ()) = tokio::join!(group.ring(session.client()), cut);
        let error = ring.unwrap_err();
        assert!(error.is_disconnected(), "{error}");
        assert_eq!(error.may_still_ring().len(), 2, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_ends_the_ring() {
    for mode in ["async full", "full"] {
        let (sim, session) = session(mode).await;
        let caller = Channel::from_session(&session).await.unwrap();
        let group = RingGroup::new(["sim/no_answer", "sim/busy", "sim/no_answer"]);
        let mut seen = Seen::of(&sim);
        let hangup = async {
            tokio::time::sleep(seconds(2)).await;
            sim.switch().api("uuid_kill", caller.uuid()).await;
        };
        let (ring, ()) = tokio::join!(group.ring_for(&caller), hangup);
        let mut ring = ring.unwrap();
        let busy = Outcome::Failed(HangupCause::UserBusy);
        let expected = [Outcome::Cancelled, busy, Outcome::Cancelled];
        assert_eq!(outcomes(&ring), expected);
        assert!(ring.caller_hung_up() && !ring.is_answered());
        assert!(ring.duration() < ms(2100));
        soon(ring.losers_gone()).await.unwrap();
        // the caller's own channel stays as long as its socket lingers
        assert!(sim.switch().channels().is_empty());
        let causes = seen.causes();
        let given_up = causes
            .iter()
            .filter(|cause| **cause == HangupCause::OriginatorCancel);
        assert_eq!(given_up.count(), 2);

        // who has gone is not called for
        let created = seen.created();
        let ring = group.ring_for(&caller).await.unwrap();
        assert!(ring.caller_hung_up());
        assert_eq!(outcomes(&ring), vec![Outcome::NotTried; 3]);
        assert_eq!(seen.created(), created);
    }
    // a caller who stays gets the answer
    let (_sim, session) = session("async full").await;
    let caller = Channel::from_session(&session).await.unwrap();
    let mut ringing = RingGroup::new(["sim/answer?after=2s"])
        .start_for(&caller)
        .unwrap();
    while ringing.next_event().await.is_some() {}
    let ring = ringing.await.unwrap();
    assert!(ring.is_answered() && !ring.caller_hung_up());
}

/// A client of this switch, and what it sends.
async fn overheard(sim: &Sim) -> (Client, Arc<Mutex<Vec<u8>>>) {
    let (mine, theirs) = tokio::io::duplex(1 << 16);
    let (mut from_switch, mut to_switch) = tokio::io::split(sim.connect());
    let (mut from_client, mut to_client) = tokio::io::split(theirs);
    let sent = Arc::new(Mutex::new(Vec::new()));
    let heard = sent.clone();
    tokio::spawn(async move { tokio::io::copy(&mut from_switch, &mut to_client).await });
    tokio::spawn(async move {
        let mut some = [0; 4096];
        while let Ok(count @ 1..) = from_client.read(&mut some).await {
            heard.lock().unwrap().extend_from_slice(&some[..count]);
            to_switch.write_all(&some[..count]).await.unwrap();
        }
    });
    let client = Inbound::builder().connect_over(mine).await.unwrap();
    (client, sent)
}

/// On threads, as programs run: there tokio runs what was spawned last first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_a_batch_leave_in_the_order_of_the_list() {
    for pace in [Pace::PerSecond(15), Pace::Unlimited] {
        let script = Script::new().destination("user/*", Dialed::busy());
        let sim = switch_with(|options| options.script = script).await;
        let (client, sent) = overheard(&sim).await;
        let dial = |at: usize| match at {
            5..10 => format!("[place={at}]user/{at}"),
            _ => format!("[place={at}]sim/busy"),
        };
        let group = RingGroup::new((0..15).map(dial)).pace(pace);
        let ring = soon(group.ring(&client)).await.unwrap();
        assert!(!ring.is_answered());
        let sent = String::from_utf8(sent.lock().unwrap().clone()).unwrap();
        let commands = sent
            .lines()
            .filter(|line| line.starts_with("bgapi originate"));
        let places = commands.map(|line| {
            let (_, place) = line.split_once("place=").unwrap();
            let end = place.find(|c: char| !c.is_ascii_digit()).unwrap();
            place[..end].parse::<usize>().unwrap()
        });
        let places: Vec<_> = places.collect();
        assert_eq!(places, Vec::from_iter(0..15), "{pace:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn balancing_spreads_calls_and_counts_them_until_they_end() {
    let sim = switch_with(|options| options.sessions_per_second = 100_000).await;
    let client = connect(&sim).await;
    let balancer = MemoryBalancer::new();
    let agents = [
        "sim/answer?after=1s&digits=1",
        "sim/answer?after=1s&digits=2",
        "sim/answer?after=1s&digits=3",
        "sim/busy",
    ];
    let group = RingGroup::new(agents)
        .mode(RingMode::Balancing)
        .pace(Pace::Unlimited)
        .balancer(Arc::new(balancer.clone()));
    let mut kept = Vec::new();
    for _ in 0..4 {
        kept.extend(soon(join_all((0..3).map(|_| group.ring(&client)))).await);
    }
    let mut by = [0; 4];
    for ring in &kept {
        by[won(ring.as_ref().unwrap())] += 1;
    }
    assert_eq!(by, [4, 4, 4, 0]);
    for (agent, count) in agents.iter().zip([4, 4, 4, 0]) {
        assert_eq!(balancer.get_count(agent).await.unwrap(), count);
    }
    for ring in kept {
        clear_one(ring.unwrap()).await;
    }
    only_left(&sim, &[], seconds(5)).await;
    tokio::time::sleep(seconds(1)).await;
    assert!(balancer.snapshot().is_empty(), "{:?}", balancer.snapshot());
}

async fn clear_one(ring: Ring) {
    ring.into_channel().unwrap().hangup(None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answered_call_is_counted_while_the_link_is_away() {
    let sim = switch().await;
    let client = reconnecting(&sim).await;
    let balancer = MemoryBalancer::new();
    let group = RingGroup::new(["sim/answer"])
        .mode(RingMode::Balancing)
        .balancer(Arc::new(balancer.clone()));
    let ring = soon(group.ring(&client)).await.unwrap();
    for _ in 0..3 {
        sim.faults().cut_all();
        tokio::time::sleep(seconds(2)).await;
        assert_eq!(balancer.snapshot().total(), 1);
    }
    // it ends while the link is away
    sim.faults().refuse_connections(true);
    sim.faults().cut_all();
    let uuid = ring.channel().unwrap().uuid().to_owned();
    sim.switch().api("uuid_kill", &uuid).await;
    tokio::time::sleep(seconds(2)).await;
    assert_eq!(balancer.snapshot().total(), 1);
    sim.faults().refuse_connections(false);
    tokio::time::sleep(seconds(2)).await;
    assert_eq!(balancer.snapshot().total(), 0);
}

/// Fails, or chooses somebody who is not there.
#[derive(Debug)]
struct Broken(bool);

#[async_trait]
impl LoadBalancer for Broken {
    async fn choose(&self, destinations: &[String]) -> genesis_ringgroup::Result<Choice> {
        match self.0 {
            // what a user's own balancer may do
            true => Ok(Choice::new(destinations.len(), self.count("").await?)),
            false => MemoryBalancer::with_limit(0).choose(destinations).await,
        }
    }

    async fn count(&self, destination: &str) -> genesis_ringgroup::Result<Load> {
        Ok(Load::with_release(destination, || {}))
    }

    async fn get_count(&self, _: &str) -> genesis_ringgroup::Result<u64> {
        Ok(0)
    }
}

/// Says what is done with its counts.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<&'static str>>>);

impl Told {
    fn push(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[async_trait]
impl LoadKeeper for Told {
    async fn answered(&self, _: &str) -> genesis_ringgroup::Result<()> {
        self.push("answered");
        Ok(())
    }

    fn detach(self: Box<Self>) {
        self.push("detached");
    }

    fn discard(self: Box<Self>) {
        self.push("given back");
    }
}

#[async_trait]
impl LoadBalancer for Told {
    async fn choose(&self, destinations: &[String]) -> genesis_ringgroup::Result<Choice> {
        Ok(Choice::new(0, self.count(&destinations[0]).await?))
    }

    async fn count(&self, destination: &str) -> genesis_ringgroup::Result<Load> {
        Ok(Load::new(destination, self.clone()))
    }

    async fn get_count(&self, _: &str) -> genesis_ringgroup::Result<u64> {
        Ok(0)
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_nobody_hears_of_any_more_stay_counted() {
    let told = Told::default();
    let group = |dial: &str| {
        RingGroup::new([dial])
            .mode(RingMode::Balancing)
            .balancer(Arc::new(told.clone()))
    };
    for (dial, link, expected) in [
        ("sim/answer", "cut", ["answered", "detached"].as_slice()),
        ("sim/answer", "kept", &["answered", "given back"]),
        ("sim/no_answer", "cut", &["detached"]),
        ("sim/no_answer", "given up", &["given back"]),
        ("sim/no_answer", "cut and given up", &["detached"]),
    ] {
        let sim = switch().await;
        let client = connect(&sim).await;
        let ringing = group(dial).start(&client).unwrap();
        tokio::time::sleep(seconds(2)).await;
        if link.starts_with("cut") {
            sim.faults().cut_all();
        }
        if link.ends_with("given up") {
            drop(ringing);
        } else if dial == "sim/answer" {
            let ring = ringing.await.unwrap();
            if link == "kept" {
                clear(&sim, ring).await;
            }
        } else {
            assert!(ringing.await.unwrap_err().is_disconnected());
        }
        tokio::time::sleep(seconds(2)).await;
        assert_eq!(told.take(), expected, "{dial}, {link}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_balancer_that_fails_ends_the_ring_with_its_error() {
    let sim = switch().await;
    let client = connect(&sim).await;
    for (wrong, kind) in [
        (true, ErrorKind::Backend),
        (false, ErrorKind::LimitExceeded),
    ] {
        let group = RingGroup::new(["sim/answer"]).mode(RingMode::Balancing);
        let error: Error = group
            .balancer(Arc::new(Broken(wrong)))
            .ring(&client)
            .await
            .unwrap_err();
        assert_eq!(*error.kind(), kind, "{error}");
    }
    assert_eq!(sim.switch().session_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_comes_while_the_link_is_away_waits_for_it() {
    let sim = switch().await;
    let client = reconnecting(&sim).await;
    let first = Destination::new("sim/no_answer").timeout(seconds(3));
    let group = RingGroup::new([first]).destination("sim/answer");
    let group = group.mode(RingMode::Sequential);
    let away = async {
        tokio::time::sleep(seconds(2)).await;
        sim.faults().refuse_connections(true);
        sim.faults().cut_all();
        tokio::time::sleep(seconds(6)).await;
        sim.faults().refuse_connections(false);
    };
    let (ring, ()) = tokio::join!(group.ring(&client), away);
    let mut ring = ring.unwrap();
    assert_eq!(outcomes(&ring), [Outcome::TimedOut, Outcome::Answered]);
    assert!(ring.duration() >= seconds(8) && ring.duration() < seconds(9));
    soon(ring.losers_gone()).await.unwrap();
    clear(&sim, ring).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_hangs_up_those_before_it() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let mut seen = Seen::of(&sim);
    // one call may be counted, and the first is still being hung up when the second is to be chosen
    sim.faults().update(|plan| plan.reply_delay = Some(ms(200)));
    let balancer = MemoryBalancer::with_limit(1);
    let first = Destination::new("sim/no_answer").timeout(seconds(3));
    let group = RingGroup::new([first]).destination("sim/answer");
    let group = group
        .mode(RingMode::Balancing)
        .balancer(Arc::new(balancer.clone()));
    let error = soon(group.ring(&client)).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::LimitExceeded, "{error}");
    only_left(&sim, &[], seconds(5)).await;
    assert_eq!(seen.causes(), [HangupCause::NoAnswer]);
    tokio::time::sleep(seconds(5)).await;
    assert_eq!(balancer.snapshot().total(), 0);
}

#[tokio::test(start_paused = true)]
async fn losers_that_nobody_can_hang_up_any_more_are_told() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let names = ["sim/no_answer", "sim/answer?after=2s", "sim/no_answer"];
    let deaf = async {
        tokio::time::sleep(ms(1900)).await;
        sim.faults().update(|plan| plan.stall_reads = true);
        tokio::time::sleep(seconds(1)).await;
        sim.faults().cut_all();
    };
    let ringing = async {
        let group = RingGroup::new(names);
        let mut ring = group.ring(&client).await.unwrap();
        assert_eq!(won(&ring), 1);
        (ring.losers_gone().await.unwrap_err(), ring)
    };
    let ((error, ring), ()) = tokio::join!(ringing, deaf);
    assert!(error.is_disconnected(), "{error}");
    let mut left = error.may_still_ring().to_vec();
    left.sort();
    let losers = [&ring.destinations()[0], &ring.destinations()[2]];
    let mut expected = losers.map(|report| report.uuid().unwrap().to_owned());
    expected.sort();
    assert_eq!(left, expected);

    // the same for a ring that is given up
    sim.faults().clear();
    let client = connect(&sim).await;
    let ringing = RingGroup::new(names).start(&client).unwrap();
    tokio::time::sleep(seconds(1)).await;
    sim.faults().cut_all();
    tokio::time::sleep(seconds(1)).await;
    let error = ringing.cancel().await.unwrap_err();
    assert_eq!(error.may_still_ring().len(), 3, "{error}");
}
