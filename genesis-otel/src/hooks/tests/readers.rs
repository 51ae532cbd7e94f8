//! The connection's own task, and events being handled.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::SpanKind;

use super::*;

const BY_CHANNEL: Routed = Routed {
    by_channel: true,
    to_consumer: false,
    lost: 0,
};
const TO_CONSUMER: Routed = Routed {
    by_channel: false,
    to_consumer: true,
    lost: 0,
};

fn answered(uuid: &str) -> Event {
    event(
        EventName::ChannelAnswer,
        &[("Unique-ID", uuid), ("Channel-State", "CS_EXECUTE")],
    )
}

fn listed(uuid: &str) -> Listed {
    Listed {
        uuid: uuid.to_owned(),
        ..Listed::default()
    }
}

fn count(spans: &[SpanData], name: &str) -> usize {
    spans.iter().filter(|span| span.name == name).count()
}

#[test]
fn each_event_is_processed_once_whoever_takes_it() {
    let watch = Watch::new();
    let connection = watch.connection();
    let mut reader = connection.reader();
    reader.link_up();
    reader.event(&created("a"), BY_CHANNEL);
    let answered = answered("a");
    reader.read(&answered, &answered.route());
    drop(connection.processing(&answered));
    reader.event(&answered, TO_CONSUMER);
    reader.flush();
    let spans = watch.spans();
    assert_eq!(count(&spans, "process_event"), 2);
    assert_eq!(count(&spans, "freeswitch.channel.create"), 1);
    assert_eq!(count(&spans, "freeswitch.channel.answer"), 1);
    let processed = spans.iter().filter(|span| span.name == "process_event");
    for span in processed {
        assert_eq!(span.span_kind, SpanKind::Consumer);
        assert_eq!(span.parent_span_id, spans[0].span_context.span_id());
    }
    let metrics = watch.metrics();
    let of = |name, labels: &[(&str, &str)]| value(&metrics, name, labels);
    let created = [("event_name", "CHANNEL_CREATE")];
    assert_eq!(of("genesis_channel_routing_hits_total", &created), 1.0);
    let answered = [("event_name", "CHANNEL_ANSWER")];
    assert_eq!(of("genesis_channel_routing_fallback_total", &answered), 1.0);
    for name in ["CHANNEL_CREATE", "CHANNEL_ANSWER"] {
        let labels = [("event.name", name)];
        assert_eq!(
            of("genesis_event_processing_duration_seconds", &labels),
            1.0
        );
    }
}

#[test]
fn what_was_read_together_is_told_the_recorder_together() {
    let watch = Watch::new();
    let mut reader = watch.connection().reader();
    reader.link_up();
    for _ in 0..3 {
        reader.event(&answered("a"), BY_CHANNEL);
    }
    let hits = ("genesis_channel_routing_hits_total", "event_name");
    let took = ("genesis_event_processing_duration_seconds", "event.name");
    let of = |(name, label): (&str, &str), metrics: &[Series]| {
        value(metrics, name, &[(label, "CHANNEL_ANSWER")])
    };
    let before = watch.metrics();
    assert_eq!((of(hits, &before), of(took, &before)), (0.0, 0.0));
    reader.flush();
    // every event is counted, and one value says how long they took on average
    let after = watch.metrics();
    assert_eq!((of(hits, &after), of(took, &after)), (3.0, 1.0));
    reader.flush();
    let again = watch.metrics();
    assert_eq!((of(hits, &again), of(took, &again)), (0.0, 0.0));
    // nothing is left behind with the link
    reader.event(&answered("a"), BY_CHANNEL);
    reader.link_lost();
    assert_eq!(of(hits, &watch.metrics()), 1.0);
}

#[test]
fn an_event_that_is_not_told_before_is_taken_in_after() {
    let watch = Watch::new();
    let connection = watch.connection();
    let mut reader = connection.reader();
    reader.link_up();
    reader.hears(Ends::All);
    let first = created("a");
    reader.read(&first, &first.route());
    reader.event(&first, TO_CONSUMER);
    reader.event(&created("b"), TO_CONSUMER);
    let metrics = watch.metrics();
    assert_eq!(
        value(
            &metrics,
            "genesis_calls_active",
            &[("direction", "inbound")]
        ),
        2.0
    );
}

#[test]
fn what_was_lost_is_counted() {
    let watch = Watch::new();
    let mut reader = watch.connection().reader();
    reader.link_up();
    let routed = Routed {
        lost: 3,
        ..BY_CHANNEL
    };
    reader.event(&created("a"), routed);
    assert_eq!(
        value(&watch.metrics(), "genesis_events_lagged_total", &[]),
        3.0
    );
}

#[test]
fn lesson_43_connections_are_active_from_link_to_link() {
    let watch = Watch::new();
    let name = "genesis_connections_active";
    let inbound = [("type", "inbound")];
    let mut reader = watch.connection().reader();
    reader.link_up();
    reader.link_up();
    assert_eq!(value(&watch.metrics(), name, &inbound), 1.0);
    reader.link_lost();
    reader.link_lost();
    assert_eq!(value(&watch.metrics(), name, &inbound), -1.0);
    let mut outbound = Connection::outbound(&watch.telemetry, None).reader();
    outbound.link_up();
    drop(outbound);
    drop(reader);
    assert_eq!(value(&watch.metrics(), name, &[("type", "outbound")]), 0.0);
}

#[test]
fn calls_are_counted_anew_after_a_gap() {
    let watch = Watch::new();
    let connection = watch.connection();
    let mut reader = connection.reader();
    reader.link_up();
    reader.hears(Ends::All);
    assert!(!reader.wants_alive(), "nothing was missed yet");
    for uuid in ["a", "b", "c"] {
        reader.event(&created(uuid), BY_CHANNEL);
    }
    reader.link_lost();
    reader.link_up();
    reader.hears(Ends::All);
    assert!(reader.wants_alive());
    // an event of the new link, before the answer that does not know of it
    reader.event(&created("d"), BY_CHANNEL);
    reader.alive(&mut [listed("b")].into_iter());
    let inbound = [("direction", "inbound")];
    let active = || value(&watch.metrics(), "genesis_calls_active", &inbound);
    assert_eq!(active(), 2.0);
    // reading has set the gauge to 0; what is left is taken off at the end
    drop(reader);
    assert_eq!(active(), -2.0);
    let silent = Watch::with(TelemetryBuilder::without_metrics);
    let mut reader = silent.connection().reader();
    reader.link_up();
    reader.link_up();
    assert!(!reader.wants_alive());
}

#[test]
fn a_recorder_that_comes_late_is_not_told_of_the_end_of_what_it_has_not_counted() {
    let telemetry = Telemetry::builder()
        .tracer_provider(provider(&InMemorySpanExporterBuilder::new().build()))
        .build();
    let connection = Connection::inbound(&telemetry, "pbx", 8021);
    let mut reader = connection.reader();
    reader.link_up();
    reader.event(&created("a"), BY_CHANNEL);
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        reader.link_lost();
        reader.link_up();
        reader.alive(&mut [listed("a")].into_iter());
        let ended = event(EventName::ChannelHangup, &[("Unique-ID", "a")]);
        reader.event(&ended, BY_CHANNEL);
        drop(reader);
    });
    let seen = snapshotter.snapshot().into_vec();
    let active = seen
        .iter()
        .find(|(key, ..)| key.key().name() == "genesis_calls_active");
    assert!(active.is_none(), "{active:?}");
}

#[test]
fn an_excluded_event_is_counted_and_has_no_span() {
    let watch = Watch::with(|builder| builder.exclude_events(["CHANNEL_CREATE"]));
    let connection = watch.connection();
    let mut reader = connection.reader();
    reader.link_up();
    reader.event(&created("a"), BY_CHANNEL);
    reader.flush();
    drop(connection.processing(&created("a")));
    assert!(watch.spans().is_empty());
    let labels = [("event.name", "CHANNEL_CREATE")];
    let name = "genesis_event_processing_duration_seconds";
    assert_eq!(value(&watch.metrics(), name, &labels), 2.0);
}

#[test]
fn the_lag_begins_anew_with_each_link() {
    let watch = Watch::new();
    let connection = watch.connection();
    let mut reader = connection.reader();
    let ago = |seconds: u64| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let made = (now.as_micros() as u64 - seconds * 1_000_000).to_string();
        event(
            EventName::Heartbeat,
            &[("Event-Date-Timestamp", made.as_str())],
        )
    };
    reader.link_up();
    reader.event(&ago(0), BY_CHANNEL);
    reader.link_lost();
    // another switch, whose clock is 30 s behind
    reader.link_up();
    reader.event(&ago(30), BY_CHANNEL);
    let lag = value(&watch.metrics(), "genesis_event_lag_seconds", &[]);
    assert!(lag < 1.0, "{lag}");
}
