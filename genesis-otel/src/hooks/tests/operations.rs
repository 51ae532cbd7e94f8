//! Operations: their spans, their ends, their metrics.

use genesis_proto::Command;
use opentelemetry::trace::{SpanKind, Status};

use super::*;

fn exception(span: &SpanData) -> Option<(String, String)> {
    let event = span.events.iter().find(|event| event.name == "exception")?;
    let of = |name: &str| {
        let found = event.attributes.iter().find(|a| a.key.as_str() == name);
        found.unwrap().value.as_str().into_owned()
    };
    Some((of("exception.type"), of("exception.message")))
}

#[test]
fn lesson_42_a_command_is_seen_without_its_arguments() {
    let watch = Watch::new();
    let connection = watch.connection();
    let command = Command::api("originate {sip_auth_password=hunter2}user/1000 &park").unwrap();
    let operation = connection.command(&command, 5 * SECOND);
    assert!(operation.is_recording());
    let metrics = watch.metrics();
    assert_eq!(value(&metrics, "genesis_commands_queue_depth", &[]), 1.0);
    operation.reply("+OK 7f4d\n");
    operation.succeeded();
    let named = Command::raw("auth ClueCon").unwrap();
    let operation = connection.command(&named, 5 * SECOND);
    operation.reply("+OK accepted\n");
    operation.succeeded();

    let spans = watch.spans();
    assert_eq!(spans[0].name, "send_command");
    assert_eq!(spans[0].span_kind, SpanKind::Client);
    assert_eq!(spans[0].status, Status::Unset);
    let of = |at: usize, name| attribute(&spans[at], name).unwrap();
    assert_eq!(of(0, "command.name"), "api originate");
    assert_eq!(of(0, "command.reply"), "***", "the command names a secret");
    assert_eq!(of(1, "command.name"), "auth");
    assert_eq!(of(1, "command.reply"), "+OK accepted");
    let shown = format!("{spans:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("ClueCon"));

    let metrics = watch.metrics();
    let api = [("command", "api")];
    // the counter was read before
    assert_eq!(value(&metrics, "genesis_commands_sent_total", &api), 0.0);
    assert_eq!(
        value(&metrics, "genesis_commands_duration_seconds", &api),
        1.0
    );
    let auth = [("command", "auth")];
    assert_eq!(value(&metrics, "genesis_commands_sent_total", &auth), 1.0);
    // and the gauge: one down, one up, one down
    assert_eq!(value(&metrics, "genesis_commands_queue_depth", &[]), -1.0);
    assert!(
        metrics
            .iter()
            .all(|series| series.name != "genesis_commands_errors_total")
    );
}

#[test]
fn a_reply_that_answers_a_question_for_a_secret_is_hidden() {
    let watch = Watch::new();
    let connection = watch.connection();
    for (text, secret) in [
        ("global_getvar default_password", true),
        ("eval ${sip_auth_password}", true),
        ("uuid_getvar 7f4d conf_pin", true),
        ("hostname", false),
    ] {
        let operation = connection.command(&Command::api(text).unwrap(), SECOND);
        operation.reply("1234");
        operation.succeeded();
        let spans = watch.spans();
        let reply = attribute(spans.last().unwrap(), "command.reply").unwrap();
        assert_eq!(reply, if secret { "***" } else { "1234" }, "{text}");
    }
}

#[test]
fn a_failed_command_is_an_error_of_its_kind() {
    let watch = Watch::new();
    let connection = watch.connection();
    let command = Command::bgapi("status", "job").unwrap();
    let operation = connection.command(&command, 21 * SECOND);
    operation.reply("-ERR no such command");
    operation.failed("refused", &"no; password=hunter2");
    let operation = connection.command(&command, 21 * SECOND);
    operation.failed("timeout", &"x".repeat(1000));

    let spans = watch.spans();
    assert_eq!(spans[0].status, Status::error("no; password=***"));
    assert_eq!(
        attribute(&spans[0], "error.type").as_deref(),
        Some("refused")
    );
    let told = ("refused".to_owned(), "no; password=***".to_owned());
    assert_eq!(exception(&spans[0]), Some(told));
    assert_eq!(spans[0].events.len(), 1);
    assert_eq!(
        attribute(&spans[0], "command.reply").as_deref(),
        Some("-ERR no such command")
    );
    assert_eq!(attribute(&spans[1], "command.reply").as_deref(), Some(""));
    assert_eq!(exception(&spans[1]).unwrap().1.len(), 256);

    let metrics = watch.metrics();
    for kind in ["refused", "timeout"] {
        let labels = [("command", "bgapi"), ("error", kind)];
        assert_eq!(
            value(&metrics, "genesis_commands_errors_total", &labels),
            1.0
        );
    }
    let labels = [
        ("timeout.type", "command"),
        ("timeout.operation", "bgapi"),
        ("timeout.duration", "30"),
    ];
    assert_eq!(value(&metrics, "genesis_timeouts_total", &labels), 1.0);
    assert_eq!(value(&metrics, "genesis_commands_queue_depth", &[]), 0.0);
}

#[test]
fn what_nobody_waits_for_is_cancelled_but_no_error_of_the_span() {
    let watch = Watch::new();
    let connection = watch.connection();
    drop(connection.operation("channel.answer", Some(SECOND)));
    let spans = watch.spans();
    assert_eq!(spans[0].status, Status::Unset);
    assert_eq!(
        attribute(&spans[0], "error.type").as_deref(),
        Some("cancelled")
    );
    assert!(spans[0].events.is_empty());
    let labels = [
        ("operation", "answer"),
        ("success", "false"),
        ("error", "cancelled"),
    ];
    let metrics = watch.metrics();
    assert_eq!(
        value(&metrics, "genesis_channel_operations_total", &labels),
        1.0
    );
}

#[tokio::test]
async fn a_dropped_future_ends_its_operation() {
    let watch = Watch::new();
    let connection = watch.connection();
    let waits = async {
        let operation = connection.operation("channel.park", None);
        let never = operation.run(std::future::pending::<()>());
        never.await;
        operation.succeeded();
    };
    assert!(tokio::time::timeout(Duration::ZERO, waits).await.is_err());
    let spans = watch.spans();
    assert_eq!(
        attribute(&spans[0], "error.type").as_deref(),
        Some("cancelled")
    );
}

#[test]
fn operations_on_channels_are_counted_with_what_became_of_them() {
    let watch = Watch::new();
    let connection = watch.connection();
    connection.operation("channel.bridge", None).succeeded();
    let operation = connection.operation("channel.bridge", None);
    operation.text("channel.uuid", "7f4d");
    operation.flag("channel.bridge.success", false);
    operation.failed("hung_up", &"it has hung up");
    let mut operation = connection.operation("channel.hangup", None);
    operation.label("hangup.cause", "USER_BUSY");
    operation.failed("unknown_channel", &"there is none");
    let wait = connection.operation("channel.wait", Some(3 * SECOND));
    wait.seconds("wait.timeout", 3 * SECOND);
    wait.failed("timeout", &"it took too long");

    let metrics = watch.metrics();
    let of = |name, labels: &[(&str, &str)]| value(&metrics, name, labels);
    let counted = [("operation", "bridge"), ("success", "true")];
    assert_eq!(of("genesis_channel_operations_total", &counted), 1.0);
    let failed = [
        ("operation", "bridge"),
        ("success", "false"),
        ("error", "hung_up"),
    ];
    assert_eq!(of("genesis_channel_operations_total", &failed), 1.0);
    let bridge = [("operation", "bridge")];
    assert_eq!(
        of("genesis_channel_operation_duration_seconds", &bridge),
        2.0
    );
    let name = "genesis_channel_bridge_operations_total";
    assert_eq!(of(name, &[("success", "true")]), 1.0);
    assert_eq!(of(name, &[("success", "false"), ("error", "hung_up")]), 1.0);
    let cause = [("hangup.cause", "USER_BUSY"), ("error", "unknown_channel")];
    assert_eq!(of("genesis_channel_hangup_causes_total", &cause), 1.0);
    let timeout = [
        ("timeout.type", "wait"),
        ("timeout.operation", "wait"),
        ("timeout.duration", "5"),
    ];
    assert_eq!(of("genesis_timeouts_total", &timeout), 1.0);
    let spans = watch.spans();
    assert_eq!(
        attribute(&spans[1], "channel.bridge.success").as_deref(),
        Some("false")
    );
    assert_eq!(attribute(&spans[3], "wait.timeout").as_deref(), Some("3"));
}

#[test]
fn a_ring_is_counted_by_mode_and_result() {
    let watch = Watch::new();
    let connection = watch.connection();
    let begin = || {
        let mut ring = connection.operation("ring_group.ring", Some(30 * SECOND));
        ring.label("mode", "round-robin");
        ring.label("has_balancer", "true");
        ring
    };
    let mut ring = begin();
    ring.label("result", "no_answer");
    ring.number("ring_group.size", 3);
    ring.succeeded();
    let mut ring = begin();
    ring.label("result", "answered");
    ring.succeeded();
    begin().failed("disconnected", &"gone");
    drop(begin());

    let metrics = watch.metrics();
    let mode = [("mode", "round-robin"), ("has_balancer", "true")];
    let of = |name, labels: &[(&str, &str)]| value(&metrics, name, labels);
    assert_eq!(of("genesis_ring_group_operations_total", &mode), 4.0);
    assert_eq!(
        of("genesis_ring_group_operation_duration_seconds", &mode),
        4.0
    );
    for (result, error) in [
        ("answered", None),
        ("no_answer", None),
        ("error", Some("disconnected")),
        ("error", Some("cancelled")),
    ] {
        let mut labels = mode.to_vec();
        labels.push(("result", result));
        labels.extend(error.map(|error| ("error", error)));
        assert_eq!(
            of("genesis_ring_group_results_total", &labels),
            1.0,
            "{labels:?}"
        );
    }
    assert_eq!(
        attribute(&watch.spans()[0], "ring_group.size").as_deref(),
        Some("3")
    );
}

#[test]
fn sessions_and_queues_have_metrics_of_their_own() {
    let watch = Watch::new();
    let connection = watch.connection();
    let mut sendmsg = connection.operation("session.sendmsg", None);
    sendmsg.label("application.name", "playback");
    let playback = [("application.name", "playback")];
    let metrics = watch.metrics();
    assert_eq!(
        value(&metrics, "genesis_session_commands_total", &playback),
        1.0
    );
    sendmsg.succeeded();
    let mut sendmsg = connection.operation("session.sendmsg", None);
    sendmsg.label("application.name", "my_application");
    sendmsg.succeeded();
    connection
        .operation("queue.wait_and_acquire", Some(SECOND))
        .succeeded();
    let waits = connection.operation("queue.wait_and_acquire", Some(SECOND));
    waits.failed("timeout", &"too long");
    connection.count("genesis_queue_operations_total", &[("op", "release")], 2);

    let metrics = watch.metrics();
    let of = |name, labels: &[(&str, &str)]| value(&metrics, name, labels);
    let name = "genesis_session_command_duration_seconds";
    assert_eq!(of(name, &playback), 1.0);
    assert_eq!(of(name, &[("application.name", "other")]), 1.0);
    let name = "genesis_queue_operations_total";
    for (op, count) in [("acquire", 1.0), ("timeout", 1.0), ("release", 2.0)] {
        assert_eq!(of(name, &[("op", op)]), count);
    }
    assert_eq!(of("genesis_queue_wait_duration_seconds", &[]), 2.0);
}

#[test]
fn an_excluded_command_has_no_span_but_its_metrics() {
    let watch = Watch::with(|builder| builder.exclude_commands(["api uuid_*"]));
    let connection = watch.connection();
    for text in ["uuid_kill 7f4d", "status"] {
        let operation = connection.command(&Command::api(text).unwrap(), SECOND);
        operation.succeeded();
    }
    let spans = watch.spans();
    assert_eq!(spans.len(), 1);
    assert_eq!(
        attribute(&spans[0], "command.name").as_deref(),
        Some("api status")
    );
    let api = [("command", "api")];
    let sent = value(&watch.metrics(), "genesis_commands_sent_total", &api);
    assert_eq!(sent, 2.0);
}

#[test]
fn without_a_provider_there_are_metrics_and_without_a_recorder_spans() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let telemetry = Telemetry::builder().recorder(recorder).build();
    let connection = Connection::inbound(&telemetry, "pbx", 8021);
    connection.connecting(SECOND).succeeded();
    let operation = connection.operation("channel.answer", None);
    assert!(!operation.is_recording());
    operation.text("channel.uuid", "7f4d");
    operation.succeeded();
    let names: Vec<String> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, ..)| key.key().name().to_owned())
        .collect();
    assert!(names.contains(&"genesis_channel_operations_total".to_owned()));

    let watch = Watch::with(TelemetryBuilder::without_metrics);
    watch
        .connection()
        .operation("channel.answer", None)
        .succeeded();
    assert_eq!(watch.spans().len(), 1);
    assert!(watch.metrics().is_empty());
}
