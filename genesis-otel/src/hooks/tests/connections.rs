//! Connections: how they are made, late providers, hooks of the application, gauges.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use genesis_proto::Command;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Status};

use super::*;
use crate::{SpanDetails, Subject};

#[test]
fn connecting_names_the_peer() {
    let watch = Watch::new();
    let connection = Connection::inbound(&watch.telemetry, "pbx.example", 8021);
    connection.connecting(10 * SECOND).succeeded();
    let spans = watch.spans();
    assert_eq!(spans[0].name, "inbound_connect");
    assert_eq!(spans[0].span_kind, SpanKind::Client);
    for (name, value) in [
        ("net.peer.name", "pbx.example"),
        ("net.peer.port", "8021"),
        ("server.address", "pbx.example"),
        ("server.port", "8021"),
        ("network.transport", "tcp"),
    ] {
        assert_eq!(attribute(&spans[0], name).as_deref(), Some(value), "{name}");
    }
    // there before any link: an alert about a process that never had one needs it
    let labels = [("type", "inbound")];
    let metrics = watch.metrics();
    assert_eq!(value(&metrics, "genesis_connections_active", &labels), 0.0);
    assert_eq!(metrics.len(), 1, "{metrics:?}");
}

#[test]
fn a_failed_attempt_is_counted_and_a_timeout_with_its_limit() {
    let watch = Watch::new();
    let connection = Connection::inbound(&watch.telemetry, "pbx", 8021);
    connection
        .connecting(10 * SECOND)
        .failed("authentication", &"wrong");
    connection
        .connecting(10 * SECOND)
        .failed("timeout", &"too long");
    let spans = watch.spans();
    assert_eq!(spans[0].status, Status::error("wrong"));
    let metrics = watch.metrics();
    for error in ["authentication", "timeout"] {
        let labels = [("type", "inbound"), ("error", error)];
        assert_eq!(
            value(&metrics, "genesis_connections_errors_total", &labels),
            1.0
        );
    }
    let labels = [
        ("timeout.type", "connection"),
        ("timeout.operation", "connect"),
        ("timeout.duration", "10"),
    ];
    assert_eq!(value(&metrics, "genesis_timeouts_total", &labels), 1.0);
}

#[test]
fn lesson_47_a_session_names_the_switch_as_its_peer() {
    let watch = Watch::new();
    let peer = "192.0.2.7:40000".parse().unwrap();
    let connection = Connection::outbound(&watch.telemetry, Some(peer));
    connection.handling(&created("7f4d")).succeeded();
    let spans = watch.spans();
    assert_eq!(spans[0].name, "outbound_handle_connection");
    assert_eq!(spans[0].span_kind, SpanKind::Server);
    for (name, value) in [
        ("net.peer.name", "192.0.2.7"),
        ("net.peer.port", "40000"),
        ("client.address", "192.0.2.7"),
        ("client.port", "40000"),
    ] {
        assert_eq!(attribute(&spans[0], name).as_deref(), Some(value), "{name}");
    }
}

#[test]
fn a_consumer_names_the_switch() {
    let watch = Watch::new();
    let connection = watch.connection();
    for span in ["consumer.start", "consumer.stop"] {
        connection.operation(span, None).succeeded();
    }
    for span in watch.spans() {
        let of = |name| attribute(&span, name);
        assert_eq!(of("consumer.host").as_deref(), Some("pbx.example"));
        assert_eq!(of("consumer.port").as_deref(), Some("8021"));
    }
}

/// A provider that is there only when it is asked for late enough.
#[derive(Debug)]
struct Late {
    here: AtomicUsize,
    provider: SdkTracerProvider,
}

/// [`Late`], shared with the test.
#[derive(Debug)]
struct Shared(Arc<Late>);

impl opentelemetry::trace::TracerProvider for Shared {
    type Tracer = opentelemetry::global::BoxedTracer;

    fn tracer_with_scope(&self, scope: opentelemetry::InstrumentationScope) -> Self::Tracer {
        use opentelemetry::trace::noop::NoopTracer;

        let is_here = self.0.here.load(Ordering::Relaxed) > 0;
        opentelemetry::global::BoxedTracer::new(match is_here {
            true => Box::new(self.0.provider.tracer_with_scope(scope)),
            false => Box::new(NoopTracer::new()),
        })
    }
}

#[test]
fn a_provider_that_comes_late_is_used_by_the_next_link() {
    let exporter = InMemorySpanExporterBuilder::new().build();
    let late = Arc::new(Late {
        here: AtomicUsize::new(0),
        provider: provider(&exporter),
    });
    let telemetry = Telemetry::builder()
        .tracer_provider(Shared(Arc::clone(&late)))
        .without_metrics()
        .build();
    let connection = Connection::inbound(&telemetry, "pbx", 8021);
    connection.connecting(SECOND).succeeded();
    let mut reader = connection.reader();
    reader.link_up();
    connection.operation("channel.answer", None).succeeded();
    connection.operation("channel.answer", None).succeeded();
    assert!(
        !connection.is_active() && !reader.is_active(),
        "nobody is there"
    );
    late.here.store(1, Ordering::Relaxed);
    connection.operation("channel.answer", None).succeeded();
    reader.event(&created("a"), Routed::default());
    assert!(exporter.get_finished_spans().unwrap().is_empty());

    // the same connection, when its link is made again
    reader.link_lost();
    connection.connecting(SECOND).succeeded();
    reader.link_up();
    connection.operation("channel.answer", None).succeeded();
    reader.event(&created("b"), Routed::default());
    // another one
    let other = Connection::outbound(&telemetry, None);
    other.operation("channel.answer", None).succeeded();
    // what has no connection looks each time
    let spans = exporter.get_finished_spans().unwrap();
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(
        names,
        [
            "inbound_connect",
            "channel.answer",
            "freeswitch.channel.create",
            "process_event",
            "channel.answer"
        ]
    );
}

#[test]
fn without_a_connection_a_late_recorder_is_found() {
    let telemetry = Telemetry::builder().build();
    let queue = Connection::none(&telemetry);
    let release = [("op", "release")];
    queue.count("genesis_queue_operations_total", &release, 1);
    queue.operation("queue.wait_and_acquire", None).succeeded();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        queue.count("genesis_queue_operations_total", &release, 1);
        queue.operation("queue.wait_and_acquire", None).succeeded();
    });
    assert_eq!(snapshotter.snapshot().into_vec().len(), 3);
}

#[test]
fn hooks_see_their_spans_and_details_are_added() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = |what: &'static str| {
        let seen = Arc::clone(&seen);
        move |text: &str| seen.lock().unwrap().push(format!("{what} {text}"))
    };
    let (connected, before, after) = (note("connected"), note("before"), note("after"));
    let watch = Watch::with(|builder| {
        builder
            .on_connection(move |span| {
                span.set_attribute(KeyValue::new("hooked", true));
                connected("");
            })
            .before_command(move |_, name| before(name))
            .after_reply(move |_, reply| after(reply))
            .span_details(|subject| match subject {
                Subject::Command { name: "api status" } => Some(SpanDetails {
                    name: Some("status".into()),
                    attributes: vec![KeyValue::new("mine", 1)],
                }),
                _ => None,
            })
    });
    let connection = Connection::inbound(&watch.telemetry, "pbx", 8021);
    connection.connecting(SECOND).failed("connect", &"no");
    connection.connecting(SECOND).succeeded();
    let operation = connection.command(&Command::api("status").unwrap(), SECOND);
    operation.reply("UP; password=hunter2");
    operation.succeeded();
    let outbound = Connection::outbound(&watch.telemetry, None);
    outbound.handling(&created("a")).succeeded();
    let seen = seen.lock().unwrap();
    let expected = [
        "connected ",
        "before api status",
        "after UP; password=***",
        "connected ",
    ];
    assert_eq!(*seen, expected);
    let spans = watch.spans();
    assert_eq!(attribute(&spans[0], "hooked"), None);
    assert_eq!(attribute(&spans[1], "hooked").as_deref(), Some("true"));
    assert_eq!(spans[2].name, "status");
    assert_eq!(attribute(&spans[2], "mine").as_deref(), Some("1"));
}

#[test]
fn a_hook_that_panics_harms_nothing() {
    let watch = Watch::with(|builder| {
        builder
            .on_connection(|_| panic!("in a hook"))
            .before_command(|_, _| panic!("in a hook"))
            .after_reply(|_, _| panic!("in a hook"))
            .on_event(|_, _| panic!("in a hook"))
            .span_details(|_| panic!("in an extractor"))
    });
    let connection = Connection::inbound(&watch.telemetry, "pbx", 8021);
    connection.connecting(SECOND).succeeded();
    let operation = connection.command(&Command::api("status").unwrap(), SECOND);
    operation.reply("UP");
    operation.succeeded();
    drop(connection.processing(&created("a")));
    let spans = watch.spans();
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["inbound_connect", "send_command", "process_event"]);
    assert_eq!(attribute(&spans[1], "command.reply").as_deref(), Some("UP"));
}

#[test]
fn lesson_43_levels_add_up_and_go_with_their_holders() {
    let watch = Watch::new();
    let connection = watch.connection();
    let name = "genesis_events_queue_depth";
    let mut first = connection.level(name, &[]);
    let mut second = connection.level(name, &[]);
    first.set(5);
    second.set(2);
    first.set(3);
    assert_eq!(value(&watch.metrics(), name, &[]), 5.0);
    // reading has set the gauge to 0
    drop(second);
    assert_eq!(value(&watch.metrics(), name, &[]), -2.0);
    drop(first);
    assert_eq!(value(&watch.metrics(), name, &[]), -3.0);
}
