//! One call, one trace.

use std::collections::{BTreeMap, HashSet};

use genesis_otel::{Lifecycle, span, traceparent};
use genesis_proto::{Event, EventName};
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::SpanData;

use crate::{Watch, attribute, events, level, named, total};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn event(name: EventName, uuid: &str, headers: &[(&str, &str)]) -> Event {
    let mut builder = Event::builder(name);
    builder.push("Unique-ID", uuid).unwrap();
    builder.push("Core-UUID", "core").unwrap();
    for (name, value) in headers {
        builder.push(name, value).unwrap();
    }
    builder.build()
}

fn traces(spans: &[SpanData]) -> BTreeMap<String, HashSet<TraceId>> {
    let mut traces: BTreeMap<String, HashSet<TraceId>> = BTreeMap::new();
    for span in spans {
        if let Some(uuid) = attribute(span, "channel.uuid") {
            traces
                .entry(uuid)
                .or_default()
                .insert(span.span_context.trace_id());
        }
    }
    traces
}

#[test]
fn a_channel_is_in_one_trace_and_so_is_the_leg_it_originates() {
    for recording in [
        "sip_hold_transfer",
        "sip_attended_transfer",
        "call_full_plain",
    ] {
        let watch = Watch::new();
        let events = events(recording);
        watch.replay(&events);
        let traces = traces(&watch.spans());
        assert!(
            traces.values().all(|traces| traces.len() == 1),
            "{traces:?}"
        );
        let mut originated = 0;
        let mut separate = HashSet::new();
        for created in named(&events, "CHANNEL_CREATE") {
            let uuid = created.unique_id().unwrap();
            match created.get("Other-Leg-Unique-ID") {
                Some(other) => {
                    originated += 1;
                    assert_eq!(traces[&*uuid], traces[&*other], "{recording}");
                }
                None => {
                    let trace = traces[&*uuid].iter().next().copied();
                    assert!(separate.insert(trace), "{recording}");
                }
            }
        }
        assert!(originated > 0, "{recording}");
    }
}

#[test]
fn the_first_span_of_a_channel_is_the_parent_of_the_others() {
    let watch = Watch::new();
    watch.replay(&events("sip_hold_transfer"));
    let spans = watch.spans();
    let mut roots: BTreeMap<String, SpanId> = BTreeMap::new();
    for span in &spans {
        let Some(uuid) = attribute(span, "channel.uuid") else {
            continue;
        };
        match roots.get(&uuid) {
            Some(root) => assert_eq!(span.parent_span_id, *root),
            None => {
                let other = attribute(span, "other_leg.uuid").and_then(|leg| roots.get(&leg));
                let parent = other.copied().unwrap_or(SpanId::INVALID);
                assert_eq!(span.parent_span_id, parent);
                roots.insert(uuid, span.span_context.span_id());
            }
        }
    }
    assert_eq!(roots.len(), 4);
}

#[test]
fn legs_that_meet_later_are_linked() {
    let watch = Watch::new();
    let events = events("sip_attended_transfer");
    watch.replay(&events);
    let spans = watch.spans();
    let traces = traces(&spans);
    let mut linked = 0;
    for span in spans
        .iter()
        .filter(|span| span.name == "freeswitch.channel.bridge")
    {
        let (a, b) = (
            attribute(span, "bridge.a_uuid"),
            attribute(span, "bridge.b_uuid"),
        );
        let (a, b) = (&traces[&a.unwrap()], &traces[&b.unwrap()]);
        let links: HashSet<TraceId> = span
            .links
            .iter()
            .map(|l| l.span_context.trace_id())
            .collect();
        // legs of one trace need none
        let expected = if a == b { HashSet::new() } else { b.clone() };
        linked += links.len();
        assert_eq!(links, expected);
    }
    assert!(linked > 0);
    // and back: the other leg is told by CALL_UPDATE
    let updates = spans
        .iter()
        .filter(|span| span.name == "freeswitch.call.update");
    assert!(updates.flat_map(|span| span.links.iter()).count() > 0);
}

#[test]
fn the_variable_traceparent_decides_the_trace() {
    let watch = Watch::new();
    let mut lifecycle = Lifecycle::new(&watch.telemetry);
    let parent = traceparent::parse(TRACE).unwrap();
    let state = ("Channel-State", "CS_INIT");
    let with = [state, ("variable_traceparent", TRACE)];
    lifecycle.on_event(&event(EventName::ChannelCreate, "a", &with));
    lifecycle.on_event(&event(EventName::ChannelAnswer, "a", &[]));
    // fixed once: what comes later changes nothing
    let other = TRACE.replace("0af7", "1111");
    let with = [("variable_traceparent", &*other)];
    lifecycle.on_event(&event(EventName::ChannelHangup, "a", &with));
    let broken = [state, ("variable_traceparent", "00-nonsense")];
    lifecycle.on_event(&event(EventName::ChannelCreate, "b", &broken));
    let spans = watch.spans();
    assert_eq!(spans.len(), 4);
    assert_eq!(spans[0].parent_span_id, parent.span_id());
    assert!(spans[0].parent_span_is_remote);
    let ids: Vec<TraceId> = spans
        .iter()
        .map(|span| span.span_context.trace_id())
        .collect();
    assert_eq!(ids[..3], [parent.trace_id(); 3]);
    assert_ne!(ids[3], parent.trace_id());
}

#[test]
fn a_channel_that_is_renamed_stays_the_same() {
    let watch = Watch::new();
    let mut lifecycle = Lifecycle::new(&watch.telemetry);
    let state = ("Channel-State", "CS_INIT");
    let id = [state, ("variable_sip_call_id", "x@y")];
    lifecycle.on_event(&event(EventName::ChannelCreate, "old", &id));
    lifecycle.on_event(&event(
        EventName::ChannelUuid,
        "new",
        &[state, ("Old-Unique-ID", "old")],
    ));
    lifecycle.on_event(&event(EventName::ChannelAnswer, "new", &[]));
    let spans = watch.spans();
    assert_eq!(attribute(&spans[1], "sip.call_id").as_deref(), Some("x@y"));
    assert_eq!(
        spans[0].span_context.trace_id(),
        spans[1].span_context.trace_id()
    );
    assert_eq!(level(&watch.metrics(), "genesis_calls_active"), 1.0);
}

#[test]
fn two_connections_to_a_switch_are_one_observer() {
    let events = events("call_full_plain");
    let alone = Watch::new();
    drop(alone.replay(&events));
    let watch = Watch::new();
    let mut lifecycles = [
        Lifecycle::new(&watch.telemetry),
        Lifecycle::new(&watch.telemetry),
    ];
    // the second is 20 events behind; the first ends in the middle
    let half = events.len() / 2;
    let [first, second] = &mut lifecycles;
    for (at, event) in events.iter().enumerate().take(half) {
        first.on_event(event);
        if at >= 20 {
            second.on_event(&events[at - 20]);
        }
    }
    let [first, mut second] = lifecycles;
    drop(first);
    for event in &events[half - 20..] {
        second.on_event(event);
    }
    drop(second);
    assert_eq!(watch.spans().len(), alone.spans().len());
    let (both, one) = (watch.metrics(), alone.metrics());
    for name in [
        "genesis_call_duration_seconds",
        "genesis_channel_hangup_causes_total",
        "genesis_channel_codec_changes_total",
        "genesis_dialplan_applications_total",
    ] {
        assert_eq!(total(&both, name), total(&one, name), "{name}");
    }
    assert_eq!(level(&both, "genesis_calls_active"), 0.0);
    let received = total(&both, "genesis_events_received_total");
    assert_eq!(received, (events.len() + half) as u64);
    assert!(total(&one, "genesis_events_received_total") == events.len() as u64);
}

#[test]
fn a_gap_takes_ended_calls_off_and_never_goes_below_nothing() {
    let watch = Watch::new();
    let mut lifecycle = Lifecycle::new(&watch.telemetry);
    let created = |uuid: &str| {
        let headers = [("Channel-State", "CS_INIT"), ("Call-Direction", "inbound")];
        event(EventName::ChannelCreate, uuid, &headers)
    };
    for uuid in ["a", "b", "c", "a"] {
        lifecycle.on_event(&created(uuid));
    }
    let alive: HashSet<String> = ["b", "d"].map(str::to_owned).into();
    lifecycle.after_gap(&alive);
    // the end of one that is off already
    lifecycle.on_event(&event(
        EventName::ChannelHangup,
        "a",
        &[("Channel-State", "CS_EXECUTE")],
    ));
    // one that began during the gap
    let state = [
        ("Channel-State", "CS_EXECUTE"),
        ("Call-Direction", "inbound"),
    ];
    lifecycle.on_event(&event(EventName::ChannelAnswer, "d", &state));
    let metrics = watch.metrics();
    assert_eq!(level(&metrics, "genesis_calls_active"), 2.0);
    // reading has set the gauge to nothing; what is left is taken off at the end
    drop(lifecycle);
    assert_eq!(level(&watch.metrics(), "genesis_calls_active"), -2.0);
}

#[test]
fn the_memory_of_channels_is_bounded() {
    let watch = Watch::with(|builder| builder.max_channels(10));
    let mut lifecycle = Lifecycle::new(&watch.telemetry);
    for number in 0..1_000 {
        let uuid = format!("channel-{number}");
        lifecycle.on_event(&event(
            EventName::ChannelCreate,
            &uuid,
            &[("Channel-State", "CS_INIT")],
        ));
    }
    assert_eq!(level(&watch.metrics(), "genesis_calls_active"), 10.0);
}

#[tokio::test]
async fn a_span_around_a_future_is_the_parent_of_what_is_in_it() {
    let watch = Watch::new();
    let inner = span("inner").with(&watch.telemetry);
    let outer = span("outer").attr("a", 1).with(&watch.telemetry);
    let current = outer
        .run(async {
            tokio::task::yield_now().await;
            inner.run(async { traceparent::current() }).await
        })
        .await;
    let spans = watch.spans();
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["inner", "outer"]);
    assert_eq!(spans[0].parent_span_id, spans[1].span_context.span_id());
    assert_eq!(attribute(&spans[1], "a").as_deref(), Some("1"));
    assert_eq!(current, traceparent::of(&spans[0].span_context));
    assert_eq!(traceparent::current(), None);
}
