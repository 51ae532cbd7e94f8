//! One call, one trace: through the ring group, the session that handles a leg, and another process.

use std::collections::{BTreeMap, BTreeSet};

use genesis_channel::Channel;
use genesis_client::Subscription;
use genesis_otel::span;
use genesis_ringgroup::RingGroup;
use opentelemetry::trace::SpanId;

use crate::watch::{attribute, trace};
use crate::{Served, Watch, connect, millis, served, soon, switch};

#[tokio::test]
async fn a_rings_legs_their_session_and_another_process_are_in_one_trace() {
    // three processes
    let [caller, handler, onlooker] = [Watch::new(), Watch::new(), Watch::new()];
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &caller.telemetry).await;
    let other = connect(&sim, &onlooker.telemetry).await;
    let _seen = other.subscribe(Subscription::all()).await.unwrap();
    let seen = client.subscribe(Subscription::all()).await.unwrap();
    let server = served(&handler.telemetry, |session| async move {
        let channel = Channel::from_session(&session).await?;
        channel
            .playback("silence_stream://10")
            .await?
            .complete()
            .await?;
        channel.hangup(None).await?;
        Ok(())
    });
    let Served {
        address,
        mut over,
        _serving,
    } = server.await;
    let group = RingGroup::new(["sim/answer?after=50ms", "sim/no_answer"])
        .application("socket", format!("{address} async full"));
    let ring = span("the application")
        .with(&caller.telemetry)
        .run(async { group.ring(&client).await });
    let mut ring = soon(ring).await.unwrap();
    ring.losers_gone().await.unwrap();
    let winner = ring.into_channel().unwrap();
    soon(over.recv()).await.unwrap().unwrap();
    soon(winner.ended_with()).await.unwrap();
    soon(async {
        while sim.switch().session_count() > 0 {
            tokio::time::sleep(millis(5)).await;
        }
    })
    .await;
    client.api("status").await.unwrap();
    other.api("status").await.unwrap();
    drop(seen);

    let application = caller.one("the application");
    let of_call = trace(&application);
    let mut legs = BTreeSet::new();
    for watch in [&caller, &onlooker] {
        let spans = watch.spans();
        let events = spans
            .iter()
            .filter(|span| span.name.starts_with("freeswitch.channel."));
        for event in events {
            legs.insert(attribute(event, "channel.uuid").unwrap());
            assert_eq!(trace(event), of_call, "{event:?}");
        }
    }
    assert_eq!(legs.len(), 2, "{legs:?}");
    assert!(legs.contains(winner.uuid()));
    for name in [
        "outbound_handle_connection",
        "channel.playback",
        "session.await_complete",
    ] {
        assert_eq!(trace(&handler.one(name)), of_call, "{name}");
    }
    assert_eq!(trace(&caller.one("ring_group.ring")), of_call);
    // those of our own process from the first event on
    for event in caller.named("process_event") {
        if attribute(&event, "event.uuid").is_some() {
            assert_eq!(trace(&event), of_call, "{event:?}");
        }
    }
    // nobody's parent is missing
    let all: Vec<_> = [&caller, &handler, &onlooker]
        .iter()
        .flat_map(|it| it.spans())
        .collect();
    let ids: BTreeSet<String> = (all.iter())
        .map(|span| span.span_context.span_id().to_string())
        .collect();
    for span in all.iter().filter(|span| trace(span) == of_call) {
        let parent = span.parent_span_id;
        let is_top = span.name == "the application";
        assert_eq!(parent == SpanId::INVALID, is_top, "{span:?}");
        assert!(is_top || ids.contains(&parent.to_string()), "{span:?}");
    }
}

/// Calls that a session answers and hangs up, with another connection of the same telemetry that saw
/// them first, or without.
async fn served_calls(onlooked: bool) {
    const CALLS: usize = 30;
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let onlooker = connect(&sim, &watch.telemetry).await;
    let seen = match onlooked {
        true => Some(onlooker.subscribe(Subscription::all()).await.unwrap()),
        false => None,
    };
    let Served {
        address,
        mut over,
        _serving,
    } = served(&watch.telemetry, |session| async move {
        session.execute("answer", "").await?.complete().await?;
        session.hangup(None).await?;
        Ok(())
    })
    .await;
    for _ in 0..CALLS {
        let line = format!("null/1 '&socket({address} async full)'");
        let answer = sim.switch().api("originate", &line).await;
        assert!(answer.starts_with("+OK"), "{answer}");
    }
    for _ in 0..CALLS {
        soon(over.recv()).await.unwrap().unwrap();
    }
    soon(async {
        while watch.named("outbound_handle_connection").len() < CALLS
            || watch.total("genesis_connections_active", &[("type", "outbound")]) > 0.0
        {
            tokio::time::sleep(millis(5)).await;
        }
    })
    .await;
    onlooker.api("status").await.unwrap();
    drop(seen);

    assert_eq!(
        watch.total("genesis_call_duration_seconds", &[]),
        CALLS as f64
    );
    let normal = [("hangup.cause", "NORMAL_CLEARING")];
    assert_eq!(
        watch.total("genesis_channel_hangup_causes_total", &normal),
        CALLS as f64
    );
    let handled = watch.named("outbound_handle_connection");
    let traces: BTreeSet<String> = handled.iter().map(|span| trace(span).to_string()).collect();
    assert_eq!(traces.len(), CALLS);
    let mut of_channels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for span in watch.spans() {
        if span.name.starts_with("freeswitch.channel.") {
            let uuid = attribute(&span, "channel.uuid").unwrap();
            let seen = of_channels.entry(uuid).or_default();
            seen.insert(trace(&span).to_string());
        }
    }
    assert_eq!(of_channels.len(), CALLS);
    assert!(
        of_channels.values().all(|seen| seen.len() == 1),
        "{of_channels:?}"
    );
    let seen: BTreeSet<String> = of_channels.into_values().flatten().collect();
    assert_eq!(seen, traces);
}

#[tokio::test]
async fn a_call_that_is_handled_is_one_trace() {
    served_calls(false).await;
}

#[tokio::test]
async fn a_call_that_is_handled_after_another_connection_saw_it_is_one_trace() {
    served_calls(true).await;
}

#[tokio::test(start_paused = true)]
async fn channels_that_meet_later_are_linked() {
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &watch.telemetry).await;
    let _seen = client.subscribe(Subscription::all()).await.unwrap();
    for uuid in ["first", "second"] {
        let line = format!("{{origination_uuid={uuid}}}null/1 &park");
        let answer = sim.switch().api("originate", &line).await;
        assert!(answer.starts_with("+OK"), "{answer}");
    }
    let first = Channel::attach(&client, "first").await.unwrap();
    let second = Channel::attach(&client, "second").await.unwrap();
    let bridging = first.bridge(&second).await.unwrap();
    let _bridge = bridging.connected(millis(1_000)).await.unwrap();
    client.api("status").await.unwrap();

    let created = watch.named("freeswitch.channel.create");
    let of = |uuid: &str| {
        let is = |span: &&_| attribute(span, "channel.uuid").as_deref() == Some(uuid);
        trace(created.iter().find(is).unwrap())
    };
    assert_ne!(of("first"), of("second"));
    let bridged = watch.named("freeswitch.channel.bridge");
    assert!(!bridged.is_empty());
    for span in bridged {
        let uuid = attribute(&span, "channel.uuid").unwrap();
        let met = if uuid == "first" { "second" } else { "first" };
        let links: Vec<_> = (span.links.iter())
            .map(|link| link.span_context.trace_id())
            .collect();
        assert_eq!((trace(&span), links), (of(&uuid), vec![of(met)]));
    }
}
