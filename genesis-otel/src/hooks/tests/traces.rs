//! What nests in what.

use genesis_proto::Command;
use opentelemetry::trace::{SpanId, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::Sampler;

use super::*;
use crate::traceparent;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("{name} is missing"))
}

#[tokio::test]
async fn operations_nest_across_awaits() {
    let watch = Watch::new();
    let connection = watch.connection();
    let ring = connection.operation("ring_group.ring", None);
    ring.run(async {
        tokio::task::yield_now().await;
        let answer = connection.operation("channel.answer", None);
        answer
            .run(async {
                tokio::task::yield_now().await;
                let command = Command::api("status").unwrap();
                connection.command(&command, SECOND).succeeded();
            })
            .await;
        answer.succeeded();
        // the guard of one is not left behind
        connection.operation("channel.park", None).succeeded();
    })
    .await;
    ring.succeeded();
    connection.operation("channel.say", None).succeeded();
    let spans = watch.spans();
    let id = |name: &str| named(&spans, name).span_context.span_id();
    let parent = |name: &str| named(&spans, name).parent_span_id;
    assert_eq!(parent("ring_group.ring"), SpanId::INVALID);
    assert_eq!(parent("channel.answer"), id("ring_group.ring"));
    assert_eq!(parent("send_command"), id("channel.answer"));
    assert_eq!(parent("channel.park"), id("ring_group.ring"));
    assert_eq!(parent("channel.say"), SpanId::INVALID);
}

#[tokio::test]
async fn a_span_of_the_application_is_the_parent_and_tasks_carry_only_its_ids() {
    let watch = Watch::new();
    let connection = watch.connection();
    let own = crate::span("own").with(&watch.telemetry);
    let mut task = None;
    own.run(async {
        let connection = connection.clone();
        task = Some(tokio::spawn(carried(async move {
            // until after the span has ended
            tokio::task::yield_now().await;
            connection.operation("channel.answer", None).succeeded();
        })));
    })
    .await;
    let before = watch.spans();
    assert_eq!(
        named(&before, "own").name,
        "own",
        "the task keeps no span open"
    );
    task.unwrap().await.unwrap();
    let spans = watch.spans();
    let own = named(&spans, "own").span_context.span_id();
    assert_eq!(named(&spans, "channel.answer").parent_span_id, own);
}

#[tokio::test]
async fn handlers_nest_below_their_event_and_the_event_below_its_channel() {
    let watch = Watch::new();
    let connection = watch.connection();
    let mut reader = connection.reader();
    reader.link_up();
    let event = created("a");
    reader.read(&event, &event.route());
    let processing = connection.processing(&event);
    let handler = processing.run(async {
        connection.operation("channel.answer", None).succeeded();
    });
    handler.await;
    assert!(
        watch
            .spans()
            .iter()
            .all(|span| span.name != "process_event")
    );
    drop(processing);
    let spans = watch.spans();
    let process = named(&spans, "process_event");
    let create = named(&spans, "freeswitch.channel.create");
    assert_eq!(process.parent_span_id, create.span_context.span_id());
    let answer = named(&spans, "channel.answer");
    assert_eq!(answer.parent_span_id, process.span_context.span_id());
}

#[tokio::test]
async fn what_handlers_of_an_excluded_event_do_is_in_the_trace_of_its_channel() {
    let watch = Watch::with(|builder| builder.exclude_events(["CHANNEL_ANSWER"]));
    let connection = watch.connection();
    let mut reader = connection.reader();
    reader.link_up();
    let create = created("a");
    reader.read(&create, &create.route());
    let processing = connection.processing(&event(EventName::ChannelAnswer, &[("Unique-ID", "a")]));
    let handler = processing.run(async {
        connection.operation("channel.park", None).succeeded();
    });
    handler.await;
    drop(processing);
    let unknown = connection.processing(&event(EventName::ChannelAnswer, &[("Unique-ID", "b")]));
    let handler = unknown.run(async {
        connection.operation("channel.hangup", None).succeeded();
    });
    handler.await;
    drop(unknown);
    let spans = watch.spans();
    assert_eq!(spans.len(), 3, "{spans:?}");
    let create = named(&spans, "freeswitch.channel.create");
    let park = named(&spans, "channel.park");
    assert_eq!(park.parent_span_id, create.span_context.span_id());
    let hangup = named(&spans, "channel.hangup");
    assert_eq!(hangup.parent_span_id, SpanId::INVALID);
}

#[test]
fn without_lifecycle_spans_a_channel_is_in_one_trace_all_the_same() {
    let watch = Watch::with(|builder| builder.lifecycle(false));
    let connection = watch.connection();
    let mut reader = connection.reader();
    reader.link_up();
    for _ in 0..3 {
        reader.event(&created("a"), Routed::default());
    }
    let spans = watch.spans();
    assert_eq!(spans.len(), 3);
    let root = spans[0].span_context.span_id();
    assert!(spans[1..].iter().all(|span| span.parent_span_id == root));
}

#[test]
fn a_leg_is_given_the_trace_and_its_session_goes_on_with_it() {
    let watch = Watch::new();
    let connection = watch.connection();
    let create = connection.operation("channel.create", None);
    let variable = create.traceparent().unwrap();
    create.succeeded();
    let data = event(
        EventName::ChannelData,
        &[("Unique-ID", "a"), ("variable_traceparent", &variable)],
    );
    let session = Connection::outbound(&watch.telemetry, None);
    session.handling(&data).succeeded();
    let spans = watch.spans();
    let create = &named(&spans, "channel.create").span_context;
    assert_eq!(traceparent::of(create), Some(variable));
    let handled = named(&spans, "outbound_handle_connection");
    assert_eq!(handled.parent_span_id, create.span_id());
    assert!(handled.parent_span_is_remote);

    let forged = event(
        EventName::ChannelData,
        &[("variable_traceparent", "00-nonsense")],
    );
    session.handling(&forged).succeeded();
    let spans = watch.spans();
    assert_eq!(spans.last().unwrap().parent_span_id, SpanId::INVALID);
}

#[test]
fn what_comes_before_the_variables_decides_no_trace() {
    let watch = Watch::new();
    let connection = watch.connection();
    let mut reader = connection.reader();
    reader.link_up();
    let early = |uuid| {
        let headers = [("Unique-ID", uuid), ("Channel-State", "CS_NONE")];
        event(EventName::ChannelOutgoing, &headers)
    };
    // of a leg that somebody else calls nothing is known yet
    reader.event(&early("theirs"), Routed::default());
    let with = [
        ("Unique-ID", "theirs"),
        ("Channel-State", "CS_INIT"),
        ("variable_traceparent", TRACE),
    ];
    reader.event(&event(EventName::ChannelCreate, &with), Routed::default());
    // of one of ours it is
    let create = connection.operation("channel.create", None);
    create.text("channel.uuid", "ours");
    reader.event(&early("ours"), Routed::default());
    create.succeeded();
    reader.event(&created("ours"), Routed::default());

    let spans = watch.spans();
    let parent = traceparent::parse(TRACE).unwrap();
    assert_eq!(spans[0].parent_span_id, SpanId::INVALID);
    let first = named(&spans, "freeswitch.channel.create");
    assert_eq!(first.parent_span_id, parent.span_id());
    let create = named(&spans, "channel.create").span_context.trace_id();
    let ours: Vec<_> = spans[3..].iter().collect();
    assert_eq!(ours.len(), 4);
    assert!(
        ours.iter()
            .all(|span| span.span_context.trace_id() == create)
    );
}

#[test]
fn what_comes_after_the_end_of_a_channel_is_in_its_trace() {
    let watch = Watch::new();
    let mut reader = watch.connection().reader();
    reader.link_up();
    reader.event(&created("a"), Routed::default());
    for name in [EventName::ChannelDestroy, EventName::ChannelState] {
        let over = [("Unique-ID", "a"), ("Channel-State", "CS_DESTROY")];
        reader.event(&event(name, &over), Routed::default());
    }
    let spans = watch.spans();
    assert_eq!(spans.len(), 5);
    let root = spans[0].span_context.span_id();
    assert!(spans[1..].iter().all(|span| span.parent_span_id == root));
    // and a new one of the same name is another
    reader.event(&created("a"), Routed::default());
    assert_eq!(watch.spans()[5].parent_span_id, SpanId::INVALID);
}

#[test]
fn without_a_span_of_its_own_an_operation_gives_the_current_trace() {
    let telemetry = Telemetry::builder().without_metrics().build();
    let connection = Connection::inbound(&telemetry, "pbx", 8021);
    connection.look();
    let parent = traceparent::parse(TRACE).unwrap();
    let guard = Context::new().with_remote_span_context(parent).attach();
    let operation = connection.operation("channel.create", None);
    assert!(
        !operation.is_recording(),
        "a parent's double is no provider"
    );
    assert_eq!(operation.traceparent().as_deref(), Some(TRACE));
    drop(guard);
    assert_eq!(operation.traceparent(), None);
}

#[test]
fn what_is_not_sampled_is_neither_described_nor_made_twice() {
    let exporter = InMemorySpanExporterBuilder::new().build();
    let off = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .with_sampler(Sampler::AlwaysOff)
        .build();
    let telemetry = Telemetry::builder()
        .tracer_provider(off)
        .without_metrics()
        .build();
    let connection = Connection::inbound(&telemetry, "pbx", 8021);
    let mut reader = connection.reader();
    reader.link_up();
    reader.event(&created("a"), Routed::default());
    let operation = connection.operation("channel.create", None);
    assert!(!operation.is_recording());
    let variable = operation.traceparent().unwrap();
    assert!(variable.ends_with("-00"), "{variable}");
    let processing = connection.processing(&created("a"));
    let root = processing.context().unwrap().span().span_context().clone();
    assert!(root.is_valid() && !root.is_sampled());
    drop((processing, operation));
    assert!(exporter.get_finished_spans().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_current_elsewhere_is_no_parent_of_events() {
    let watch = Watch::new();
    let tracer = provider(&watch.exporter).tracer("application");
    let own = Context::current_with_span(tracer.start("own"));
    let guard = own.attach();
    let connection = watch.connection();
    let mut reader = connection.reader();
    reader.link_up();
    reader.event(&created("a"), Routed::default());
    drop(guard);
    let spans = watch.spans();
    let create = named(&spans, "freeswitch.channel.create");
    assert_eq!(create.parent_span_id, SpanId::INVALID);
}
