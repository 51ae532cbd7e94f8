//! Spans of the application's own, errors with a stack, and what is logged inside a span.

use genesis_proto::Command;
use opentelemetry::Value;
use opentelemetry::trace::{SpanId, SpanKind, Status};

use super::*;

fn current() -> SpanId {
    Context::current().span().span_context().span_id()
}

#[test]
fn a_span_of_the_applications_own_has_its_name_and_its_attributes() {
    let watch = Watch::new();
    let connection = watch.connection();
    let name = String::from("menu");
    let above = connection.connecting(SECOND);
    let attributes = [
        ("language", Attribute::Text("en")),
        ("digits", Attribute::Number(-1)),
        ("ratio", Attribute::Decimal(0.5)),
        ("first", Attribute::Flag(true)),
        ("language", Attribute::Text("de")),
    ];
    let operation = above.inside(|| connection.span(&name, &attributes));
    let command = operation.inside(|| connection.command(&Command::api("status").unwrap(), SECOND));
    command.succeeded();
    operation.succeeded();
    above.succeeded();

    let spans = watch.spans();
    let [command, menu, above] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(menu.name, "menu");
    assert_eq!(menu.span_kind, SpanKind::Internal);
    assert_eq!(menu.status, Status::Unset);
    assert_eq!(menu.parent_span_id, above.span_context.span_id());
    assert_eq!(command.parent_span_id, menu.span_context.span_id());
    let given: Vec<(&str, &Value)> = menu
        .attributes
        .iter()
        .map(|attribute| (attribute.key.as_str(), &attribute.value))
        .collect();
    let expected = [
        ("language", &Value::from("de")),
        ("digits", &Value::from(-1)),
        ("ratio", &Value::from(0.5)),
        ("first", &Value::from(true)),
    ];
    assert_eq!(given, expected);
    let fed = watch.metrics();
    let fed = fed.iter().filter(|series| series.value != 0.0);
    let mut fed: Vec<&str> = fed.map(|series| &*series.name).collect();
    fed.sort_unstable();
    fed.dedup();
    assert_eq!(
        fed,
        [
            "genesis_commands_duration_seconds",
            "genesis_commands_sent_total"
        ]
    );
}

#[test]
fn lesson_42_a_span_of_the_applications_own_shows_no_secret_and_is_bounded() {
    let watch = Watch::with(|builder| builder.hide_dtmf_digits(true));
    let connection = watch.connection();
    let many: Vec<String> = (0..200).map(|number| format!("n{number}")).collect();
    let long = "x".repeat(1_000);
    let mut attributes = vec![
        ("sip_auth_password", Attribute::Text("hunter2")),
        ("caller.pin", Attribute::Number(1234)),
        ("dial", Attribute::Text("{my_pin=hunter2,a=b}user/1000")),
        ("dtmf.digit", Attribute::Text("7")),
        (&*long, Attribute::Text(&long)),
    ];
    attributes.extend(many.iter().map(|key| (&**key, Attribute::Flag(true))));
    let name = format!("password=hunter2 {long}");
    connection.span(&name, &attributes).succeeded();

    let span = watch.spans().remove(0);
    assert_eq!(span.name, "password=***");
    assert_eq!(span.attributes.len(), 64);
    let shown = format!("{} {:?}", span.name, span.attributes);
    assert!(
        !shown.contains("hunter2") && !shown.contains("1234"),
        "{shown}"
    );
    let of = |name| attribute(&span, name).unwrap();
    assert_eq!(of("dial"), "{my_pin=***,a=b}user/1000");
    assert_eq!(of("dtmf.digit"), "***");
    assert_eq!(of(&"x".repeat(256)), "x".repeat(256));
    let operation = connection.span(&long, &[]);
    operation.succeeded();
    assert_eq!(watch.spans()[1].name.len(), 256);
}

#[test]
fn an_error_is_told_with_its_stack() {
    let watch = Watch::new();
    let connection = watch.connection();
    let stack = format!(
        "/srv/ivr.lua:7: in function 'menu'\nmy_pin=1234\n/srv/ivr.lua:9: in main chunk\n{}",
        "/srv/ivr.lua:1: again\n".repeat(1_000)
    );
    let operation = connection.span("menu", &[]);
    operation.failed_at("script", &"/srv/ivr.lua:7: no", &stack);
    let operation = connection.span("menu", &[]);
    operation.failed("script", &"/srv/ivr.lua:8: no");

    let spans = watch.spans();
    assert_eq!(spans[0].status, Status::error("/srv/ivr.lua:7: no"));
    assert_eq!(attribute(&spans[0], "error.type").unwrap(), "script");
    let of = |at: usize| {
        let event = &spans[at].events.events[0];
        let found = event.attributes.iter();
        let mut found = found.filter(|a| a.key.as_str() == "exception.stacktrace");
        found.next().map(|a| a.value.as_str().into_owned())
    };
    let told = of(0).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 64);
    assert_eq!(lines[1], "my_pin=***");
    assert_eq!(lines[2], "/srv/ivr.lua:9: in main chunk");
    assert_eq!(of(1), None);
}

#[test]
fn the_span_that_is_current_can_have_failed() {
    let watch = Watch::new();
    let connection = watch.connection();
    // nothing is current
    connection.current_failed("script", &"nowhere", "");
    let operation = connection.span("call", &[]);
    operation.inside(|| connection.current_failed("script", &"/a.lua:1: no", "/a.lua:1:"));
    operation.succeeded();
    let span = watch.spans().remove(0);
    assert_eq!(span.status, Status::error("/a.lua:1: no"));
    assert_eq!(attribute(&span, "error.type").unwrap(), "script");
    assert_eq!(span.events.len(), 1);
}

#[test]
fn what_is_called_inside_sees_the_span_and_nothing_of_it_stays() {
    let watch = Watch::new();
    let connection = watch.connection();
    let operation = connection.span("menu", &[]);
    let seen = operation.inside(current);
    assert_eq!(current(), SpanId::INVALID);
    operation.succeeded();
    let processing = connection.processing(&created("7f4d"));
    let of_event = processing.inside(current);
    drop(processing);
    let spans = watch.spans();
    assert_eq!(spans[0].span_context.span_id(), seen);
    let event = spans.iter().find(|span| span.name == "process_event");
    assert_eq!(event.unwrap().span_context.span_id(), of_event);
}

#[test]
fn with_nobody_listening_there_is_none() {
    let connection = Connection::inbound(&Telemetry::builder().build(), "pbx.example", 8021);
    let operation = connection.span("menu", &[("a", Attribute::Flag(true))]);
    assert!(!operation.is_recording());
    assert_eq!(operation.inside(current), SpanId::INVALID);
    operation.failed_at("script", &"no", "");
    connection.current_failed("script", &"no", "");
}

#[tokio::test]
async fn an_error_of_a_span_around_a_future_is_told_and_given_back() {
    let watch = Watch::new();
    let around = || crate::span("mine").with(&watch.telemetry);
    let failing = async { Err::<(), _>("no; my_pin=1234") };
    assert_eq!(around().try_run(failing).await, Err("no; my_pin=1234"));
    let inner = async { Ok::<_, &str>(current()) };
    let inside = around().try_run(inner).await.unwrap();

    let spans = watch.spans();
    assert_eq!(spans[0].status, Status::error("no; my_pin=***"));
    assert_eq!(attribute(&spans[0], "error.type").unwrap(), "error");
    assert_eq!(spans[0].events.len(), 1);
    assert_eq!(spans[1].status, Status::Unset);
    assert_eq!(spans[1].span_context.span_id(), inside);
    let scope = &spans[1].instrumentation_scope;
    assert!(scope.version().is_some() && scope.schema_url().is_some());
}
