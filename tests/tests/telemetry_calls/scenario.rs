//! One story with everything in it, and the recordings: every span and every metric of the contract.

use std::sync::Arc;
use std::time::Duration;

use genesis_channel::{Channel, OriginateOptions, PlayAndGetDigits, Say};
use genesis_client::{AtDeadline, Client, Consumer, Inbound, Outbound, Session, Subscription};
use genesis_otel::Lifecycle;
use genesis_proto::name::AnswerState;
use genesis_proto::{Event, EventName, HangupCause};
use genesis_ringgroup::balance::MemoryBalancer;
use genesis_ringgroup::queue::{Queue, SlotOptions};
use genesis_ringgroup::{RingGroup, RingMode};
use genesis_sim::script::{Destination, Script};
use genesis_sim::{FaultPlan, Sim};
use genesis_tests::{Recording, frames};
use tokio::sync::mpsc;

use crate::contract::{faults_of_metrics, faults_of_spans};
use crate::{Watch, connect, millis, reconnecting, soon, switch};

const RECORDINGS: [&str; 8] = [
    "call_full_plain",
    "call_full_json",
    "conference",
    "callcenter",
    "valet_parking",
    "sofia_register",
    "sip_hold_transfer",
    "sip_attended_transfer",
];

/// What neither the simulated switch nor a recording shows.
const NEVER_SEEN: [(&str, &str); 3] = [
    ("freeswitch.channel.progress", "channel.read_codec"),
    ("freeswitch.channel.progress", "channel.write_codec"),
    ("freeswitch.conference.cdr", "conference.profile"),
];

fn script() -> Script {
    let brief = Destination {
        hangup_after: Some(millis(20)),
        ..Destination::answer_after(millis(20))
    };
    Script::new()
        .destination("user/brief", brief)
        .destination("user/1001", Destination::answer_after(millis(20)))
        .destination("user/busy", Destination::busy())
        .destination("user/nobody", Destination::no_answer())
        .file("prompt.wav", millis(20))
        .extension("*", &["park"])
}

/// What the handler of a call does.
async fn take_call(session: Session) -> genesis_channel::Result<()> {
    let channel = Channel::from_session(&session).await?;
    channel.answer().await?.complete().await?;
    channel.playback("prompt.wav").await?.complete().await?;
    channel.playback("prompt.wav").await.map(drop)?;
    let number = Say::new("en", "NUMBER", "12");
    channel.say(&number).await?.complete().await?;
    let (pressed, mut presses) = mpsc::unbounded_channel();
    let handler = channel.on_digit('5', move |digit| {
        let _ = pressed.send(digit.digit);
        async {}
    });
    let press = format!("uuid_recv_dtmf {} 5", channel.uuid());
    session.client().api(&press).await?;
    assert_eq!(presses.recv().await, Some('5'));
    channel.remove_digit_handler(handler);
    let asked = PlayAndGetDigits::new("prompt.wav").digits(1, 1);
    channel
        .play_and_get_digits(&asked.timeout(millis(50)))
        .await?;
    channel.wait(AnswerState::Answered, millis(100)).await?;
    let never = channel.wait(EventName::ChannelPark, millis(10)).await;
    assert!(never.unwrap_err().is_timeout());
    let _ = channel.set_variable("continue_on_fail", "true").await;
    let busy = channel
        .bridge("user/busy")
        .await?
        .connected(millis(20_000))
        .await;
    assert!(busy.is_err());
    let bridge = channel
        .bridge("user/brief")
        .await?
        .connected(millis(20_000))
        .await?;
    bridge.ended().await?;
    channel.park().await?;
    channel.hangup(HangupCause::NormalClearing).await?;
    let _ = channel.hangup(HangupCause::NormalClearing).await;
    channel.ended_with().await.map(drop)
}

async fn sessions(sim: &Sim, watch: &Watch) {
    let outbound = Outbound::builder()
        .telemetry(watch.telemetry.clone())
        .max_sessions(1);
    let outbound = outbound.bind("127.0.0.1:0").await.unwrap();
    let address = outbound.local_addr().unwrap();
    let drain = outbound.drain();
    let (done, mut dones) = mpsc::unbounded_channel();
    let serving = tokio::spawn(outbound.serve_with(move |session: Session| {
        let done = done.clone();
        async move {
            let taken = match session.variable("fails") {
                Some(_) => session.execute("", "").await.map(drop).map_err(Into::into),
                None => take_call(session).await,
            };
            let _ = done.send(taken.as_ref().copied().map_err(ToString::to_string));
            taken
        }
    }));
    let call = |variables: &str| format!("{{{variables}}}null/1 '&socket({address} async full)'");
    let answer = sim.switch().api("originate", &call("a=1")).await;
    assert!(answer.starts_with("+OK"), "{answer}");
    // a second one while the first is there
    let answer = sim.switch().api("originate", &call("a=2")).await;
    assert!(answer.starts_with("+OK"), "{answer}");
    soon(dones.recv()).await.unwrap().unwrap();
    soon(async {
        while drain.sessions() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let answer = sim.switch().api("originate", &call("fails=1")).await;
    assert!(answer.starts_with("+OK"), "{answer}");
    soon(dones.recv()).await.unwrap().unwrap_err();
    drain
        .start(Duration::from_secs(5), AtDeadline::Resume)
        .await;
    soon(serving).await.unwrap().unwrap();
    // nobody says `connect` here
    let outbound = Outbound::builder()
        .telemetry(watch.telemetry.clone())
        .allow(["192.0.2.0/24".parse().unwrap()]);
    let outbound = outbound.bind("127.0.0.1:0").await.unwrap();
    let (address, drain) = (outbound.local_addr().unwrap(), outbound.drain());
    let serving = tokio::spawn(outbound.serve(|_| async { Ok(()) }));
    let mut stranger = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut byte = [0];
    let read = tokio::io::AsyncReadExt::read(&mut stranger, &mut byte).await;
    assert!(matches!(read, Ok(0) | Err(_)));
    drain.start(Duration::ZERO, AtDeadline::Resume).await;
    soon(serving).await.unwrap().unwrap();
}

async fn rings(client: &Client) {
    let group = RingGroup::new(["user/1001", "user/nobody"])
        .mode(RingMode::Balancing)
        .balancer(Arc::new(MemoryBalancer::new()))
        .variable("colour", "blue")
        .timeout(Duration::from_secs(5));
    let ring = group.ring(client).await.unwrap();
    ring.channel().unwrap().hangup(None).await.unwrap();
    let ring = RingGroup::new(["user/busy"]).ring(client).await.unwrap();
    assert!(!ring.is_answered());
    let group = RingGroup::new(["user/1001"]).mode(RingMode::Balancing);
    let group = group.balancer(Arc::new(MemoryBalancer::with_limit(0)));
    assert!(group.ring(client).await.is_err());
    // given up
    let group = RingGroup::new(["user/nobody"]);
    let given_up = tokio::time::timeout(millis(20), group.ring(client)).await;
    assert!(given_up.is_err());
    let refused = Channel::originate(client, "user/busy", OriginateOptions::new()).await;
    assert!(refused.is_err());
}

async fn queues(watch: &Watch) {
    let queue = Queue::in_memory().telemetry(watch.telemetry.clone());
    let slot = queue
        .slot("support", SlotOptions::new().limit(1))
        .await
        .unwrap();
    let late = queue
        .slot("support", SlotOptions::new().timeout(millis(10)))
        .await;
    assert!(late.is_err());
    let full = queue
        .slot("support", SlotOptions::new().max_waiting(0))
        .await;
    assert!(full.is_err());
    // given up
    drop(queue.enter("support", SlotOptions::new()).await.unwrap());
    slot.release().await.unwrap();
}

/// Commands that fail, a link that is lost, subscribers that are slow.
async fn troubles(sim: &Arc<Sim>, watch: &Watch) {
    let client = reconnecting(sim, &watch.telemetry).await;
    assert!(
        client
            .accepted(genesis_proto::Command::raw("nonsense").unwrap())
            .await
            .is_err()
    );
    assert!(client.api("uuid_kill unknown").await.is_err());
    sim.switch()
        .api("originate", "{origination_uuid=mute}null/1 &park")
        .await;
    let mute = Channel::attach(&client.timeout(millis(10)), "mute")
        .await
        .unwrap();
    sim.faults().update(|plan| plan.stall_reads = true);
    assert!(mute.hangup(None).await.unwrap_err().is_timeout());
    assert!(
        client
            .timeout(millis(10))
            .api("status")
            .await
            .unwrap_err()
            .is_timeout()
    );
    sim.faults().clear();
    let mut slow = Subscription::all().queue_items(1);
    slow = slow.overflow(genesis_client::Overflow::DropOldest);
    let slow = client.subscribe(slow).await.unwrap();
    for _ in 0..5 {
        sim.switch().api("originate", "null/1 &park").await;
    }
    client.api("status").await.unwrap();
    drop(slow);
    sim.faults().cut_all();
    soon(async {
        while client.stats().reconnects == 0 {
            tokio::time::sleep(millis(1)).await;
        }
    })
    .await;
    client.ready().await.unwrap();
    client.api("status").await.unwrap();
    sim.faults().next(FaultPlan {
        wrong_password: true,
        ..FaultPlan::default()
    });
    let refused = Inbound::builder().telemetry(watch.telemetry.clone());
    assert!(refused.connect_over(sim.connect()).await.is_err());
    let silent = Inbound::builder()
        .telemetry(watch.telemetry.clone())
        .connect_timeout(millis(10));
    let (silence, _other) = tokio::io::duplex(64);
    assert!(silent.connect_over(silence).await.unwrap_err().is_timeout());
    client.exit().await;
}

async fn consume(client: &Client) -> genesis_client::RunningConsumer {
    let consumer = Consumer::new(client.clone())
        .on(EventName::ChannelAnswer, |_| async { Ok(()) })
        .on(EventName::ChannelPark, |_| async {
            Err("it had to fail".into())
        })
        .on(EventName::ChannelDestroy, |_| async {
            panic!("it had to panic")
        })
        .on_all(|_| async { Ok(()) });
    consumer.start().await.unwrap()
}

fn replay(watch: &Watch) {
    for name in RECORDINGS {
        let bytes = Recording::named(name).from_switch();
        let decoded = frames([&bytes[..]]).unwrap();
        let events = decoded
            .frames
            .into_iter()
            .filter(|frame| frame.content_type().starts_with("text/event-"));
        let mut lifecycle = Lifecycle::new(&watch.telemetry);
        for event in events.map(|frame| Event::try_from(frame).unwrap()) {
            lifecycle.on_event(&event);
        }
    }
}

#[tokio::test]
async fn a_story_and_the_recordings_are_every_span_and_every_metric_of_the_contract() {
    let watch = Watch::new();
    let sim = switch(|options| options.script = script()).await;
    let client = connect(&sim, &watch.telemetry).await;
    let consumer = consume(&client).await;
    soon(rings(&client)).await;
    soon(sessions(&sim, &watch)).await;
    soon(queues(&watch)).await;
    soon(consumer.stop()).await;
    soon(troubles(&sim, &watch)).await;
    soon(client.exit()).await;
    drop(client);
    replay(&watch);

    let mut faults = faults_of_spans(&watch.spans(), &NEVER_SEEN);
    faults.extend(faults_of_metrics(&watch.metrics(), &[]));
    assert!(faults.is_empty(), "{faults:#?}");
}
