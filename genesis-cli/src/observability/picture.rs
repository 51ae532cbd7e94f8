//! What a backend would show, kept in this process: the spans of a demo and its metrics.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use genesis_client::observe::Telemetry;
use genesis_otel::init::{Guard, Setup};
use opentelemetry::trace::{SpanId, Status};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};

use crate::exit::Failure;

/// Read by the SDK.
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";

/// Telemetry that stays here.
pub(crate) struct Picture {
    telemetry: Telemetry,
    provider: SdkTracerProvider,
    finished: Finished,
    guard: Guard,
    sampler: Option<String>,
}

/// A finished span, where it stands in its trace.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// 0 for the first one of the trace.
    pub(crate) depth: usize,
    pub(crate) name: String,
    pub(crate) span_id: String,
    pub(crate) parent_span_id: Option<String>,
    /// Seconds since the first one began.
    pub(crate) start: f64,
    /// In seconds.
    pub(crate) duration: f64,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) failed: bool,
}

#[derive(Clone, Debug, Default)]
struct Finished(Arc<Mutex<Vec<SpanData>>>);

impl Finished {
    fn with<T>(&self, look: impl FnOnce(&mut Vec<SpanData>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SpanExporter for Finished {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.with(|spans| spans.extend(batch));
        Ok(())
    }
}

impl Picture {
    pub(crate) fn new() -> Result<Self, Failure> {
        let wrong = |error: genesis_otel::init::Error| Failure::failed(error.to_string());
        // nothing leaves the process, whatever the environment says
        let setup = Setup::from_lookup(|_| None).map_err(wrong)?.prometheus();
        let (guard, recorder) = setup.build().map_err(wrong)?;
        let finished = Finished::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(finished.clone())
            .build();
        let mut telemetry = Telemetry::builder().tracer_provider(provider.clone());
        if let Some(recorder) = recorder {
            telemetry = telemetry.recorder(recorder);
        }
        Ok(Self {
            telemetry: telemetry.build(),
            provider,
            finished,
            guard,
            sampler: std::env::var(SAMPLER)
                .ok()
                .filter(|name| !name.trim().is_empty()),
        })
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Runs `work` in a span of this name: what it does is one trace.
    pub(crate) async fn around<F: Future>(&self, name: &'static str, work: F) -> F::Output {
        genesis_otel::span(name)
            .with(&self.telemetry)
            .run(work)
            .await
    }

    /// The trace that begins with the span of this name: its id, and its spans in their order, each
    /// after the one that it belongs to.
    pub(crate) fn trace(&self, name: &str) -> Option<(String, Vec<Drawn>)> {
        // spans are finished when they are dropped; nothing is waited for here
        let _ = self.provider.force_flush();
        self.finished.with(|spans| {
            let root = spans.iter().find(|span| span.name == name)?;
            let trace = root.span_context.trace_id();
            let began = root.start_time;
            let mut children: HashMap<SpanId, Vec<&SpanData>> = HashMap::new();
            let others = spans.iter().filter(|span| {
                let context = &span.span_context;
                context.trace_id() == trace && context.span_id() != root.span_context.span_id()
            });
            for span in others {
                children.entry(span.parent_span_id).or_default().push(span);
            }
            for list in children.values_mut() {
                list.sort_by_key(|span| span.start_time);
            }
            let mut drawn = Vec::new();
            let mut left = vec![(0, root)];
            while let Some((depth, span)) = left.pop() {
                drawn.push(draw(span, depth, began));
                let below = children.remove(&span.span_context.span_id());
                let below = below.unwrap_or_default().into_iter().rev();
                left.extend(below.map(|span| (depth + 1, span)));
            }
            Some((trace.to_string(), drawn))
        })
    }

    /// The sampler that the environment asks for: one may keep no trace.
    pub(crate) fn sampler(&self) -> Option<&str> {
        self.sampler.as_deref()
    }

    /// What `/metrics` would give.
    pub(crate) fn metrics(&self) -> String {
        self.guard
            .prometheus()
            .map(|metrics| metrics.render())
            .unwrap_or_default()
    }
}

fn draw(span: &SpanData, depth: usize, began: SystemTime) -> Drawn {
    let seconds = |from: SystemTime, to: SystemTime| {
        to.duration_since(from).unwrap_or_default().as_secs_f64()
    };
    let attributes = span.attributes.iter();
    Drawn {
        depth,
        name: span.name.to_string(),
        span_id: span.span_context.span_id().to_string(),
        parent_span_id: (depth > 0).then(|| span.parent_span_id.to_string()),
        start: seconds(began, span.start_time),
        duration: seconds(span.start_time, span.end_time),
        attributes: attributes
            .map(|pair| (pair.key.to_string(), pair.value.as_str().into_owned()))
            .collect(),
        failed: matches!(span.status, Status::Error { .. }),
    }
}
