//! Spans and metrics arrive at a collector; a collector that is none harms nobody.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use genesis_otel::init::{Error, Guard, Setup};
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::observability_collector::{Collector, Protocol, attribute};
use crate::support::{Simulator, end, finish, genesis};

const SECRET: &str = "s3cret";

fn setup(endpoint: &str, more: &[(&str, &str)]) -> Setup {
    let lookup = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.to_owned()),
        _ => {
            let found = more.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    };
    Setup::from_lookup(lookup).unwrap()
}

fn shutdown(guard: Guard, within: Duration) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let result = runtime.block_on(guard.shutdown(within));
    runtime.shutdown_background();
    result
}

/// Records a parent and its child, and one metric of each kind, and looks at what arrives.
fn arrives(protocol: Protocol) {
    let collector = Collector::start(protocol);
    let name = match protocol {
        Protocol::Grpc => "grpc",
        Protocol::Http => "http/protobuf",
    };
    let header = format!("authorization=Bearer%20{SECRET}");
    let setup = setup(
        &collector.endpoint,
        &[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", name),
            ("OTEL_EXPORTER_OTLP_HEADERS", &header),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=lab"),
        ],
    );
    let (guard, recorder) = setup.service_version("1.2.3").prometheus().build().unwrap();
    let tracer = guard.tracer_provider().unwrap().tracer("test");
    let ring = Context::new().with_span(tracer.start("ring_group.ring"));
    let mut command = tracer.start_with_context("send_command", &ring);
    command.set_attribute(KeyValue::new("command.name", "api originate"));
    for n in 0..350 {
        command.set_attribute(KeyValue::new(format!("event.header.h{n}"), "x"));
    }
    command.end();
    ring.span().end();
    let recorder = recorder.unwrap();
    metrics::with_local_recorder(&*recorder, || {
        metrics::counter!("genesis_commands_sent_total", "command" => "api").increment(3);
        metrics::gauge!("genesis_connections_active", "type" => "inbound").set(2.0);
        metrics::histogram!("genesis_call_duration_seconds").record(61.0);
    });
    let scraped = guard.prometheus().unwrap().render();
    shutdown(guard, Duration::from_secs(30)).unwrap();

    let received =
        collector.once(|received| received.spans.len() == 2 && received.metrics.len() >= 3);
    let (ring, command) = (
        received.span("ring_group.ring"),
        received.span("send_command"),
    );
    assert_eq!(command.parent_span_id, ring.span_id);
    assert_eq!(command.trace_id, ring.trace_id);
    assert!(ring.parent_span_id.is_empty());
    assert_eq!(
        attribute(&command.attributes, "command.name"),
        Some("api originate")
    );
    assert_eq!(
        command.attributes.len(),
        351,
        "no header of an event is dropped"
    );
    assert_eq!(command.dropped_attributes_count, 0);

    for resource in &received.resources {
        let of = |key| attribute(&resource.attributes, key);
        assert_eq!(of("service.name"), Some("genesis"));
        assert_eq!(of("service.version"), Some("1.2.3"));
        assert_eq!(of("deployment.environment"), Some("lab"));
    }
    assert!(received.resources.len() >= 2, "of spans and of metrics");
    for values in &received.authorization {
        assert_eq!(values, &[format!("Bearer {SECRET}")]);
    }

    let Some(metric::Data::Sum(sum)) = &received.metric("genesis_commands_sent_total").data else {
        panic!("a counter is a sum");
    };
    assert!(sum.is_monotonic);
    let point = &sum.data_points[0];
    assert_eq!(point.value, Some(number_data_point::Value::AsInt(3)));
    assert_eq!(attribute(&point.attributes, "command"), Some("api"));
    let Some(metric::Data::Gauge(gauge)) = &received.metric("genesis_connections_active").data
    else {
        panic!("a gauge is a gauge");
    };
    let value = gauge.data_points[0].value;
    assert_eq!(value, Some(number_data_point::Value::AsDouble(2.0)));
    let calls = received.metric("genesis_call_duration_seconds");
    assert_eq!(calls.unit, "s");
    assert_eq!(
        calls.description,
        "Total call duration from creation to hangup"
    );
    let Some(metric::Data::Histogram(histogram)) = &calls.data else {
        panic!("a histogram is a histogram");
    };
    let point = &histogram.data_points[0];
    assert_eq!((point.count, point.sum), (1, Some(61.0)));
    assert_eq!(point.explicit_bounds[..5], [1.0, 5.0, 10.0, 30.0, 60.0]);
    assert_eq!(point.bucket_counts[5], 1, "from 60 to 120 seconds");

    // Prometheus is given the same beside it
    assert!(
        scraped.contains("genesis_commands_sent_total{command=\"api\"} 3\n"),
        "{scraped}"
    );
    assert!(
        scraped.contains("genesis_call_duration_seconds_count 1\n"),
        "{scraped}"
    );
}

#[test]
fn spans_and_metrics_arrive_over_grpc() {
    arrives(Protocol::Grpc);
}

#[test]
fn spans_and_metrics_arrive_over_http() {
    arrives(Protocol::Http);
}

#[test]
fn a_demo_delivers_a_trace_in_which_a_ring_group_call_can_be_read() {
    for (protocol, name) in [(Protocol::Http, "http/protobuf"), (Protocol::Grpc, "grpc")] {
        let collector = Collector::start(protocol);
        let mut demo = genesis(&["demo"]);
        demo.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", name)
            .env(
                "OTEL_EXPORTER_OTLP_HEADERS",
                format!("authorization={SECRET}"),
            );
        let done = finish(demo, b"");
        assert_eq!(done.code, 0, "{done:?}");
        assert!(!done.stderr.contains("WARNING"), "{done:?}");

        // everything was handed over before the process ended
        let received = collector.once(|_| true);
        assert!(!received.authorization.is_empty());
        for values in &received.authorization {
            assert_eq!(values, &[SECRET], "said once");
        }
        let ring = received.span("ring_group.ring");
        let children = |of: &[u8], name: &str| -> Vec<Vec<u8>> {
            let spans = received.spans.iter();
            let found = spans.filter(|span| span.parent_span_id == of && span.name == name);
            found
                .map(|span| {
                    assert_eq!(span.trace_id, ring.trace_id, "{name}");
                    span.span_id.clone()
                })
                .collect()
        };
        let legs = children(&ring.span_id, "channel.create");
        assert_eq!(legs.len(), 3, "three destinations are called");
        for leg in &legs {
            let commands = children(leg, "send_command");
            assert!(!commands.is_empty(), "a leg is made by a command");
        }
        assert_eq!(
            attribute(&ring.attributes, "ring_group.result"),
            Some("answered")
        );
        let sent = received.metric("genesis_commands_sent_total");
        assert!(matches!(sent.data, Some(metric::Data::Sum(_))), "{sent:?}");
    }
}

#[test]
fn a_demo_without_its_collector_goes_on_with_a_warning() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut demo = genesis(&["demo"]);
    demo.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{port}"));
    let done = finish(demo, b"");
    assert_eq!(done.code, 0, "{done:?}");
    let lines: Vec<String> = done.stderr.lines().map(str::to_owned).collect();
    one_warning_per_signal(&lines);
}

#[test]
fn a_collector_that_never_answers_holds_up_a_brief_command_for_a_second() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let sim = Simulator::start(&[]);
    for words in [&["api", "status"][..], &["channels"], &["hangup", "--all"]] {
        let mut command = genesis(words);
        command
            .args(["--port", &sim.port])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint);
        let began = Instant::now();
        let done = finish(command, b"");
        let took = began.elapsed();
        assert_eq!(done.code, 0, "{done:?}");
        assert!(took < Duration::from_secs(4), "{words:?} took {took:?}");
        let lines: Vec<&str> = done.stderr.lines().collect();
        assert!(
            lines.len() == 1 && lines[0].contains("WARNING  telemetry was not flushed within 1 s"),
            "{done:?}"
        );
    }
}

#[test]
fn a_collector_that_answers_late_neither_fails_nor_delays_an_operation() {
    for (protocol, name) in [(Protocol::Http, "http/protobuf"), (Protocol::Grpc, "grpc")] {
        let collector = Collector::start_slow(protocol, Duration::from_millis(500));
        let mut demo = genesis(&["demo", "--json"]);
        demo.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", name)
            // so that it is asked while the demo is on
            .env("OTEL_BSP_SCHEDULE_DELAY", "50")
            .env("OTEL_METRIC_EXPORT_INTERVAL", "50");
        let done = finish(demo, b"");
        assert_eq!((done.code, &*done.stderr), (0, ""), "{done:?}");
        let last = done.stdout.lines().last().unwrap();
        let last: serde_json::Value = serde_json::from_str(last).unwrap();
        let served = serde_json::json!(["2001", "2002", "2003"]);
        assert_eq!(last["summary"]["served"], served);
        // answers were outstanding all the time, one after the other
        let asked = collector.once(|_| true);
        assert!(asked.authorization.len() >= 6, "{asked:?}");
        let rings = asked.spans.iter();
        let rings = rings.filter(|span| span.name == "ring_group.ring");
        assert_eq!(rings.count(), 1);
        // what is done takes as long as the simulated switch takes
        for (span, at_most) in [("ring_group.ring", 2.5), ("channel.hangup", 0.4)] {
            let span = asked.span(span);
            let took = (span.end_time_unix_nano - span.start_time_unix_nano) as f64 / 1e9;
            assert!(took < at_most, "{} took {took} s", span.name);
        }
    }
}

#[test]
fn spans_are_printed_for_development_beside_the_results() {
    let mut demo = genesis(&["demo"]);
    demo.env("OTEL_TRACES_EXPORTER", "console");
    let done = finish(demo, b"");
    assert_eq!(done.code, 0, "{done:?}");
    let names = done.stdout.lines().map(str::trim);
    let rings =
        names.filter(|line| line.starts_with("Name") && line.ends_with(": ring_group.ring"));
    assert_eq!(rings.count(), 1, "{}", done.stdout);
}

#[test]
fn a_reader_that_leaves_is_no_disaster_for_what_is_printed() {
    let mut demo = genesis(&["demo"]);
    demo.env("OTEL_TRACES_EXPORTER", "console")
        .env("OTEL_METRICS_EXPORTER", "console")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = demo.spawn().unwrap();
    drop(child.stdout.take());
    let done = end(child);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(done.stderr, "");
}

#[test]
fn a_disabled_sdk_delivers_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mut demo = genesis(&["demo"]);
    demo.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_SDK_DISABLED", "true");
    let done = finish(demo, b"");
    assert_eq!(done.code, 0, "{done:?}");
    let attempt = listener.accept().unwrap_err();
    assert_eq!(attempt.kind(), std::io::ErrorKind::WouldBlock);
}

/// The log lines of this process.
fn log() -> Arc<Mutex<Vec<u8>>> {
    static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();

    struct Writer(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let log = LOG.get_or_init(|| {
        let log = Arc::<Mutex<Vec<u8>>>::default();
        let writes = Arc::clone(&log);
        let lines = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(move || Writer(Arc::clone(&writes)));
        let subscriber = tracing_subscriber::registry().with(lines);
        // the exporters log from threads of their own
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    });
    Arc::clone(log)
}

/// Records spans and metrics for a collector that is none, in several batches; gives what was
/// logged about it and how long the recording took.
fn into_the_void(endpoint: &str, protocol: &str, within: Duration) -> (Vec<String>, Duration) {
    let log = log();
    let header = format!("authorization={SECRET}");
    let setup = setup(
        endpoint,
        &[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_HEADERS", &header),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
        ],
    );
    let (guard, recorder) = setup.build().unwrap();
    let provider = guard.tracer_provider().unwrap().clone();
    let tracer = provider.tracer("test");
    let recorder = recorder.unwrap();
    let mut recording = Duration::ZERO;
    for _ in 0..3 {
        let began = Instant::now();
        for _ in 0..1000 {
            tracer.start("send_command").end();
        }
        metrics::with_local_recorder(&*recorder, || metrics::counter!("sent").increment(1));
        recording += began.elapsed();
        provider.force_flush().ok();
    }
    let began = Instant::now();
    shutdown(guard, within).ok();
    let took = began.elapsed();
    assert!(
        took < within + Duration::from_secs(2),
        "the end took {took:?}"
    );
    let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    let about = text.lines().filter(|line| line.contains(endpoint));
    (about.map(str::to_owned).collect(), recording)
}

fn one_warning_per_signal(lines: &[String]) {
    for signal in ["spans", "metrics"] {
        let of: Vec<_> = lines
            .iter()
            .filter(|line| line.contains(&format!("does not take {signal}")))
            .collect();
        assert!(
            of.len() == 1 && of[0].contains("WARN"),
            "{signal}: {lines:?}"
        );
    }
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn a_collector_that_is_down_costs_a_warning() {
    for protocol in ["grpc", "http/protobuf"] {
        // nobody listens on a port that was just given back
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let (lines, recording) =
            into_the_void(&format!("http://{port}"), protocol, Duration::from_secs(20));
        one_warning_per_signal(&lines);
        assert!(
            recording < Duration::from_secs(2),
            "recording took {recording:?}"
        );
    }
}

#[test]
fn a_collector_that_never_answers_costs_a_warning_and_a_bounded_time() {
    for protocol in ["grpc", "http/protobuf"] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        let (lines, recording) = into_the_void(&endpoint, protocol, Duration::from_secs(20));
        one_warning_per_signal(&lines);
        assert!(
            recording < Duration::from_secs(2),
            "recording took {recording:?}"
        );
        // and the bound holds where it is shorter than an export
        into_the_void(&endpoint, protocol, Duration::from_millis(10));
    }
}

#[test]
fn a_collector_that_answers_nonsense_costs_a_warning() {
    for protocol in ["grpc", "http/protobuf"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut buffer = [0; 1024];
                let _read = stream.read(&mut buffer).unwrap_or(0);
                std::io::Write::write_all(&mut stream, b"220 mail.example.com ESMTP\r\n").ok();
            }
        });
        let (lines, _) = into_the_void(&endpoint, protocol, Duration::from_secs(20));
        one_warning_per_signal(&lines);
    }
}

#[test]
fn lesson_42_a_collector_that_says_credentials_back_shows_them_to_nobody() {
    let collector = Collector::start_refusing();
    for header in [SECRET.to_owned(), format!("Bearer%20{SECRET}")] {
        let mut demo = genesis(&["demo"]);
        demo.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
            .env(
                "OTEL_EXPORTER_OTLP_HEADERS",
                format!("authorization={header}"),
            );
        let done = finish(demo, b"");
        assert_eq!(done.code, 0, "{done:?}");
        let lines: Vec<String> = done.stderr.lines().map(str::to_owned).collect();
        one_warning_per_signal(&lines);
        assert!(!done.stderr.contains(SECRET), "{done:?}");
    }
}

#[test]
fn a_flush_that_takes_too_long_says_so() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let (guard, _) = setup(&endpoint, &[]).build().unwrap();
    let provider = guard.tracer_provider().unwrap();
    provider.tracer("test").start("send_command").end();
    let error = shutdown(guard, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, Error::FlushTimeout(_)), "{error}");
}
