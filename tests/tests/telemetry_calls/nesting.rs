//! What stands below what.

use genesis_channel::{Channel, OriginateOptions};
use genesis_client::{Consumer, Session};
use genesis_otel::span;
use genesis_proto::EventName;
use genesis_ringgroup::RingGroup;
use genesis_sim::Sim;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc;

use crate::watch::{above, attribute, is_below, trace};
use crate::{Served, Watch, connect, millis, served, soon, switch};

fn commands<'a>(spans: &'a [SpanData], name: &str) -> Vec<&'a SpanData> {
    let named = |span: &&SpanData| attribute(span, "command.name").as_deref() == Some(name);
    let found: Vec<_> = spans.iter().filter(named).collect();
    assert!(!found.is_empty(), "{name}");
    found
}

/// Until the switch has no channel left.
async fn quiet(sim: &Sim) {
    soon(async {
        while sim.switch().session_count() > 0 {
            tokio::time::sleep(millis(10)).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_ring_can_be_read_from_the_application_down_to_the_commands() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &watch.telemetry).await;
    let group = RingGroup::new(["user/1001", "sim/no_answer"]);
    let ring = span("the application")
        .with(&watch.telemetry)
        .run(async { group.ring(&client).await });
    let mut ring = ring.await.unwrap();
    ring.losers_gone().await.unwrap();
    let winner = ring.into_channel().unwrap();
    let guard = winner.hangup_on_drop(genesis_proto::HangupCause::NormalClearing);
    span("another part")
        .with(&watch.telemetry)
        .run(async { drop(guard) })
        .await;
    quiet(&sim).await;

    let spans = watch.spans();
    let originates = commands(&spans, "bgapi originate");
    assert_eq!(originates.len(), 2);
    for command in originates {
        let expected = ["channel.create", "ring_group.ring", "the application"];
        assert_eq!(above(&spans, command), expected);
    }
    // the loser is hung up by a task that nobody awaits
    let kills = commands(&spans, "api uuid_kill");
    let of_losers = kills
        .iter()
        .filter(|kill| above(&spans, kill).contains(&"ring_group.ring"));
    assert!(of_losers.count() > 0);
    for kill in kills {
        let top = above(&spans, kill).pop();
        assert!(
            matches!(top, Some("the application" | "another part")),
            "{top:?}"
        );
    }
    let hangup = watch.one("channel.hangup");
    assert_eq!(above(&spans, &hangup), ["another part"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_dropped_originate_leaves_to_hang_up_is_below_who_dropped_it() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &watch.telemetry).await;
    let dropping = span("the application").with(&watch.telemetry).run(async {
        let options = OriginateOptions::new();
        let mut call = Channel::originate_start(&client, "sim/no_answer", options).await?;
        call.accepted().await
    });
    dropping.await.unwrap();
    quiet(&sim).await;
    let spans = watch.spans();
    for kill in commands(&spans, "api uuid_kill") {
        assert_eq!(above(&spans, kill).pop(), Some("the application"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_contains_what_its_handlers_do() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &watch.telemetry).await;
    let (done, mut dones) = mpsc::unbounded_channel();
    let (telemetry, asks) = (watch.telemetry.clone(), client.clone());
    let consumer = Consumer::new(client.clone()).on(EventName::ChannelAnswer, move |_| {
        let (telemetry, asks, done) = (telemetry.clone(), asks.clone(), done.clone());
        async move {
            let asking = span("mine").with(&telemetry);
            asking.run(async { asks.api("status").await }).await?;
            let _ = done.send(());
            Ok(())
        }
    });
    let starting = span("the application").with(&watch.telemetry);
    let running = starting
        .run(async { consumer.start().await })
        .await
        .unwrap();
    sim.switch().api("originate", "null/1 &park").await;
    soon(dones.recv()).await.unwrap();
    let stopping = span("the end").with(&watch.telemetry);
    stopping.run(async { running.stop().await }).await;

    let spans = watch.spans();
    let asked = commands(&spans, "api status");
    let expected = ["mine", "process_event", "freeswitch.channel.answer"];
    assert_eq!(above(&spans, asked[0]), expected);
    let mine = watch.one("mine");
    let of_mine = |span: &&SpanData| is_below(&mine, span);
    let event = spans.iter().find(of_mine).unwrap();
    assert_eq!(
        attribute(event, "event.name").as_deref(),
        Some("CHANNEL_ANSWER")
    );
    // it lasts until the handler is done
    assert!(event.end_time >= mine.end_time);
    let (start, stop) = (watch.one("consumer.start"), watch.one("consumer.stop"));
    assert_eq!(above(&spans, &start), ["the application"]);
    assert_eq!(above(&spans, &stop), ["the end"]);
}

#[tokio::test(start_paused = true)]
async fn the_span_of_an_event_tells_of_the_first_handler_that_failed() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &watch.telemetry).await;
    let slow = |_| std::future::pending();
    let consumer = Consumer::new(client.clone())
        .handler_timeout(millis(10))
        .on(EventName::ChannelAnswer, |_| async { Ok(()) })
        .on(EventName::ChannelAnswer, |_| async {
            Err("my_pin=1234".into())
        })
        .on(EventName::ChannelAnswer, slow)
        .on(EventName::ChannelPark, slow)
        .on(EventName::ChannelCreate, |_| async { Ok(()) });
    let running = consumer.start().await.unwrap();
    sim.switch().api("originate", "null/1 &park").await;
    client.api("status").await.unwrap();
    soon(running.stop()).await;

    let events = watch.named("process_event");
    let of = |name: &str| {
        let is = |span: &&SpanData| attribute(span, "event.name").as_deref() == Some(name);
        events.iter().find(is).unwrap()
    };
    let answer = of("CHANNEL_ANSWER");
    assert_eq!(attribute(answer, "error.type").as_deref(), Some("error"));
    assert_eq!(answer.events.len(), 1);
    let shown = format!("{answer:?}");
    assert!(
        shown.contains("my_pin=***") && !shown.contains("1234"),
        "{shown}"
    );
    let park = of("CHANNEL_PARK");
    assert_eq!(attribute(park, "error.type").as_deref(), Some("timeout"));
    assert_eq!(attribute(of("CHANNEL_CREATE"), "error.type"), None);
    let failures = "genesis_handler_failures_total";
    assert_eq!(
        watch.total(failures, &[("event.name", "CHANNEL_ANSWER")]),
        2.0
    );
    assert_eq!(watch.total(failures, &[("error", "timeout")]), 2.0);
}

async fn take_call(session: Session) -> genesis_channel::Result<()> {
    let channel = Channel::from_session(&session).await?;
    channel
        .playback("silence_stream://10")
        .await?
        .complete()
        .await?;
    let (pressed, mut presses) = mpsc::unbounded_channel();
    let client = session.client().clone();
    channel.on_any_digit(move |_| {
        let (pressed, client) = (pressed.clone(), client.clone());
        async move {
            let _ = client.api("hostname").await;
            let _ = pressed.send(());
        }
    });
    let press = format!("uuid_recv_dtmf {} 5", channel.uuid());
    session.client().api(&press).await?;
    presses.recv().await;
    channel.execute("sleep", "1").await?.complete().await?;
    Ok(())
}

#[tokio::test]
async fn a_session_is_one_tree() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let server = served(&watch.telemetry, |session| async {
        take_call(session).await.map_err(Into::into)
    });
    let Served {
        address,
        mut over,
        _serving,
    } = server.await;
    let line = format!("null/1 '&socket({address} async full)'");
    sim.switch().api("originate", &line).await;
    soon(over.recv()).await.unwrap().unwrap();
    quiet(&sim).await;

    let spans = watch.spans();
    let handling = watch.one("outbound_handle_connection");
    let top = "outbound_handle_connection";
    let [played, plain] = &watch.named("session.await_complete")[..] else {
        panic!("two are complete");
    };
    assert_eq!(
        above(&spans, played),
        ["session.sendmsg", "channel.playback", top]
    );
    assert_eq!(above(&spans, plain), ["session.sendmsg", top]);
    for command in commands(&spans, "sendmsg") {
        assert_eq!(above(&spans, command)[0], "session.sendmsg");
    }
    let digit = watch.one("channel.dtmf.received");
    assert_eq!(above(&spans, &digit), [top]);
    let asked = commands(&spans, "api hostname");
    assert_eq!(above(&spans, asked[0]), ["channel.dtmf.received", top]);
    for span in &spans {
        if span.name == "send_command" || span.name.starts_with("session.") {
            assert_eq!(trace(span), trace(&handling), "{span:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_leg_that_is_found_later_is_named_once() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &watch.telemetry).await;
    for dial in ["user/1001", "null/1"] {
        let options = OriginateOptions::new();
        let channel = Channel::originate(&client, dial, options).await.unwrap();
        let created = watch.named("channel.create").pop().unwrap();
        let named = attribute(&created, "channel.uuid");
        assert_eq!(named.as_deref(), Some(channel.uuid()), "{dial}");
    }
}
