//! Spans of `tracing`, through tracing-opentelemetry, and ours nest in each other.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use genesis_otel::Telemetry;
use genesis_otel::hooks::Connection;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporterBuilder, SdkTracerProvider, SpanData};
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;

#[tracing::instrument(skip_all)]
async fn instrumented(connection: Connection) {
    tokio::task::yield_now().await;
    connection.operation("channel.answer", None).succeeded();
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    spans.iter().find(|span| span.name == name).unwrap()
}

#[tokio::test]
async fn spans_of_tracing_and_ours_nest_in_each_other() {
    let exporter = InMemorySpanExporterBuilder::new().build();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("application"));
    let subscriber = tracing_subscriber::registry().with(layer);
    let _guard = tracing::subscriber::set_default(subscriber);
    let telemetry = Telemetry::builder()
        .tracer_provider(provider)
        .without_metrics()
        .build();
    let connection = Connection::outbound(&telemetry, None);

    let ring = connection.operation("ring_group.ring", None);
    let inside = async {
        let outside = tracing::info_span!("outside");
        instrumented(connection.clone()).instrument(outside).await;
    };
    ring.run(genesis_otel::span("around").with(&telemetry).run(inside))
        .await;
    ring.succeeded();

    let spans = exporter.get_finished_spans().unwrap();
    let order = [
        "ring_group.ring",
        "around",
        "outside",
        "instrumented",
        "channel.answer",
    ];
    for pair in order.windows(2) {
        let parent = named(&spans, pair[0]).span_context.span_id();
        assert_eq!(named(&spans, pair[1]).parent_span_id, parent, "{pair:?}");
    }
}
