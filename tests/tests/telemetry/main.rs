//! What events become: spans and metrics, compared with the contract.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod bounds;
mod channels;
mod contract;
mod recordings;
mod secrets;
mod traces;

use std::collections::BTreeMap;

use genesis_otel::{Lifecycle, Telemetry, TelemetryBuilder};
use genesis_proto::Event;
use genesis_tests::{Recording, frames};
use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, InMemorySpanExporterBuilder, SdkTracerProvider, SpanData,
};

/// The recordings that hold every kind of event that becomes a span.
const RECORDINGS: [&str; 8] = [
    "call_full_plain",
    "call_full_json",
    "conference",
    "callcenter",
    "valet_parking",
    "sofia_register",
    "sip_hold_transfer",
    "sip_attended_transfer",
];

/// A telemetry whose spans and metrics stay here; nothing global is touched.
struct Watch {
    telemetry: Telemetry,
    exporter: InMemorySpanExporter,
    snapshotter: Snapshotter,
}

/// One series of a metric.
#[derive(Debug)]
struct Series {
    kind: MetricKind,
    name: String,
    labels: BTreeMap<String, String>,
    value: DebugValue,
}

impl Watch {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(build: impl FnOnce(TelemetryBuilder) -> TelemetryBuilder) -> Self {
        let exporter = InMemorySpanExporterBuilder::new().build();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .with_max_attributes_per_span(512)
            .build();
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let builder = Telemetry::builder()
            .tracer_provider(provider)
            .recorder(recorder);
        Self {
            telemetry: build(builder).build(),
            exporter,
            snapshotter,
        }
    }

    fn spans(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().unwrap()
    }

    /// Reading takes the values out.
    fn metrics(&self) -> Vec<Series> {
        let series = self.snapshotter.snapshot().into_vec().into_iter();
        series
            .map(|(key, _, _, value)| {
                let (kind, key) = key.into_parts();
                let labels = key.labels();
                Series {
                    kind,
                    name: key.name().to_owned(),
                    labels: labels
                        .map(|label| (label.key().to_owned(), label.value().to_owned()))
                        .collect(),
                    value,
                }
            })
            .collect()
    }

    fn replay(&self, events: &[Event]) -> Lifecycle {
        let mut lifecycle = Lifecycle::new(&self.telemetry);
        for event in events {
            lifecycle.on_event(event);
        }
        lifecycle
    }
}

impl Series {
    fn count(&self) -> u64 {
        match &self.value {
            DebugValue::Counter(count) => *count,
            DebugValue::Histogram(values) => values.len() as u64,
            DebugValue::Gauge(value) => panic!("{} is a gauge: {value}", self.name),
        }
    }

    fn gauge(&self) -> f64 {
        match &self.value {
            DebugValue::Gauge(value) => value.into_inner(),
            other => panic!("{} is no gauge: {other:?}", self.name),
        }
    }
}

/// How often something was counted, over all series of the metric.
fn total(metrics: &[Series], name: &str) -> u64 {
    let of_name = metrics.iter().filter(|series| series.name == name);
    of_name.map(Series::count).sum()
}

/// The sum of a gauge over all series.
fn level(metrics: &[Series], name: &str) -> f64 {
    let of_name = metrics.iter().filter(|series| series.name == name);
    of_name.map(Series::gauge).sum()
}

/// Every event of a recording that shows many.
fn events(name: &str) -> Vec<Event> {
    let events = readable_events(&Recording::named(name));
    assert!(events.len() > 30, "{name}: {} events", events.len());
    events
}

/// Every event of a recording that can be read: some show what cannot.
fn readable_events(recording: &Recording) -> Vec<Event> {
    let bytes = recording.from_switch();
    let decoded = frames([&bytes[..]]);
    let frames = decoded.into_iter().flat_map(|decoded| decoded.frames);
    frames
        .filter(|frame| frame.content_type().starts_with("text/event-"))
        .filter_map(|frame| Event::try_from(frame).ok())
        .collect()
}

fn named<'a>(events: &'a [Event], name: &'a str) -> impl Iterator<Item = &'a Event> {
    events
        .iter()
        .filter(move |event| event.name().as_str() == name)
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let mut found = span.attributes.iter().filter(|a| a.key.as_str() == name);
    let value = found.next().map(|a| a.value.as_str().into_owned());
    assert!(
        found.next().is_none(),
        "{}: {name} is there twice",
        span.name
    );
    value
}
