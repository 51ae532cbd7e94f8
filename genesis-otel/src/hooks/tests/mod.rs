//! The hooks, with a provider and a recorder of their own: nothing global is touched.

mod bounds;
mod channels;
mod connections;
mod operations;
mod own;
mod readers;
mod traces;

use std::collections::BTreeMap;
use std::time::Duration;

use genesis_proto::{Event, EventName};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, InMemorySpanExporterBuilder, SdkTracerProvider, SpanData,
};

use super::*;
use crate::TelemetryBuilder;

const SECOND: Duration = Duration::from_secs(1);

/// A telemetry whose spans and metrics stay here.
struct Watch {
    telemetry: Telemetry,
    exporter: InMemorySpanExporter,
    snapshotter: Snapshotter,
}

/// One series of a metric: its name, its labels, its value.
#[derive(Debug)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

fn provider(exporter: &InMemorySpanExporter) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build()
}

impl Watch {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(build: impl FnOnce(TelemetryBuilder) -> TelemetryBuilder) -> Self {
        let exporter = InMemorySpanExporterBuilder::new().build();
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let builder = Telemetry::builder()
            .tracer_provider(provider(&exporter))
            .recorder(recorder);
        Self {
            telemetry: build(builder).build(),
            exporter,
            snapshotter,
        }
    }

    /// A connection that is up.
    fn connection(&self) -> Connection {
        let connection = Connection::inbound(&self.telemetry, "pbx.example", 8021);
        connection.look();
        connection
    }

    fn spans(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().unwrap()
    }

    /// Reading takes the values out. Of a histogram the number of values.
    fn metrics(&self) -> Vec<Series> {
        let series = self.snapshotter.snapshot().into_vec().into_iter();
        let series = series.map(|(key, _, _, value)| {
            let key = key.key();
            let labels = key.labels();
            Series {
                name: key.name().to_owned(),
                labels: labels
                    .map(|label| (label.key().to_owned(), label.value().to_owned()))
                    .collect(),
                value: match value {
                    DebugValue::Counter(count) => count as f64,
                    DebugValue::Gauge(value) => value.into_inner(),
                    DebugValue::Histogram(values) => values.len() as f64,
                },
            }
        });
        series.collect()
    }
}

/// The value of the one series with these labels and no others; 0 if there is none.
fn value(metrics: &[Series], name: &str, labels: &[(&str, &str)]) -> f64 {
    let wanted: BTreeMap<String, String> = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let found = metrics
        .iter()
        .find(|series| series.name == name && series.labels == wanted);
    found.map_or(0.0, |series| series.value)
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let mut found = span.attributes.iter().filter(|a| a.key.as_str() == name);
    let value = found.next().map(|a| a.value.as_str().into_owned());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

fn event(name: EventName, headers: &[(&str, &str)]) -> Event {
    let mut builder = Event::builder(name);
    builder.push("Core-UUID", "core").unwrap();
    for (name, value) in headers {
        builder.push(name, value).unwrap();
    }
    builder.build()
}

fn created(uuid: &str) -> Event {
    event(
        EventName::ChannelCreate,
        &[
            ("Unique-ID", uuid),
            ("Channel-State", "CS_INIT"),
            ("Call-Direction", "inbound"),
        ],
    )
}
