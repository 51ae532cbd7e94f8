//! A telemetry whose spans and metrics stay in the test.

use std::collections::BTreeMap;
use std::sync::Mutex;

use genesis_otel::{Telemetry, TelemetryBuilder};
use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use opentelemetry::trace::TraceId;
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, InMemorySpanExporterBuilder, SdkTracerProvider, SpanData,
};

/// A telemetry whose spans and metrics stay here; nothing global is touched.
pub(crate) struct Watch {
    pub(crate) telemetry: Telemetry,
    exporter: InMemorySpanExporter,
    snapshotter: Snapshotter,
    /// Reading a recorder takes the values out of it.
    read: Mutex<BTreeMap<Id, Series>>,
}

type Id = (String, BTreeMap<String, String>);

/// One series of a metric.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) kind: MetricKind,
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) described: bool,
    /// The count of a counter or histogram, the value of a gauge.
    pub(crate) value: f64,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(build: impl FnOnce(TelemetryBuilder) -> TelemetryBuilder) -> Self {
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
            read: Mutex::default(),
        }
    }

    /// Every span that has ended.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().unwrap()
    }

    pub(crate) fn named(&self, name: &str) -> Vec<SpanData> {
        let mut spans = self.spans();
        spans.retain(|span| span.name == name);
        spans
    }

    /// The only span of this name.
    pub(crate) fn one(&self, name: &str) -> SpanData {
        let mut spans = self.named(name);
        assert_eq!(spans.len(), 1, "{name}");
        spans.remove(0)
    }

    /// Every series, with its value since the beginning.
    pub(crate) fn metrics(&self) -> Vec<Series> {
        let mut all = self.read.lock().unwrap();
        for (key, _, description, value) in self.snapshotter.snapshot().into_vec() {
            let (kind, key) = key.into_parts();
            let labels = key.labels();
            let labels: BTreeMap<String, String> = labels
                .map(|label| (label.key().to_owned(), label.value().to_owned()))
                .collect();
            let name = key.name().to_owned();
            let series = all.entry((name.clone(), labels.clone()));
            let series = series.or_insert(Series {
                kind,
                name,
                labels,
                described: false,
                value: 0.0,
            });
            series.described |= description.is_some();
            series.value += match value {
                DebugValue::Counter(count) => count as f64,
                DebugValue::Histogram(values) => values.len() as f64,
                // a gauge is read as what it has moved since
                DebugValue::Gauge(value) => value.into_inner(),
            };
        }
        all.values().cloned().collect()
    }

    /// The sum over the series of a metric whose labels have these values.
    pub(crate) fn total(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |series: &Series| {
            let has = |(label, value): &(&str, &str)| {
                series.labels.get(*label).is_some_and(|it| it == value)
            };
            series.name == name && labels.iter().all(has)
        };
        let metrics = self.metrics();
        let fitting = metrics.iter().filter(|series| fits(series));
        fitting.map(|series| series.value).sum()
    }
}

pub(crate) fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let mut found = span.attributes.iter().filter(|a| a.key.as_str() == name);
    let value = found.next().map(|attribute| attribute.value.to_string());
    assert!(found.next().is_none(), "{}: {name} twice", span.name);
    value
}

pub(crate) fn trace(span: &SpanData) -> TraceId {
    span.span_context.trace_id()
}

/// Whether `child` is directly below `parent`.
pub(crate) fn is_below(child: &SpanData, parent: &SpanData) -> bool {
    child.parent_span_id == parent.span_context.span_id() && trace(child) == trace(parent)
}

/// The names of the spans above `span`, the nearest first.
pub(crate) fn above<'a>(spans: &'a [SpanData], span: &'a SpanData) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut at = span;
    while let Some(parent) = spans.iter().find(|parent| is_below(at, parent)) {
        names.push(&*parent.name);
        at = parent;
    }
    names
}
