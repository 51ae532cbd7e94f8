//! What a case installs.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use genesis_benches::Failure;
use genesis_benches::measure::{Heap, Sample};
use genesis_benches::telemetry::{self, Observer};
use genesis_otel::{Telemetry, TelemetryBuilder};
use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};

/// As `genesis_otel::init` has them.
const BUCKETS: [f64; 13] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
const ATTRIBUTES: u32 = 384;
/// Room for the spans of a whole run: none is dropped, all are paid for.
const QUEUE: usize = 1 << 18;

/// Runs `run telemetry CASE …` in this process.
///
/// # Errors
///
/// When there is no such case, or it fails.
pub(crate) fn run(arguments: &[String], heap: Heap) -> Result<Sample, Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", "telemetry", case, rest @ ..] => telemetry::run(rest, observer(case)?, heap),
        _ => Err(format!("no such scenario: {words:?}").into()),
    }
}

fn observer(case: &str) -> Result<Observer, Failure> {
    let builder = Telemetry::builder();
    let ratio = Sampler::TraceIdRatioBased(0.01);
    match case {
        "nothing" => Ok(Observer {
            telemetry: builder.build(),
            is_linked: true,
            finish: None,
        }),
        "sdk-off" => Ok(traced(builder, Sampler::AlwaysOff)),
        "sampled" => Ok(traced(builder, Sampler::ParentBased(Box::new(ratio)))),
        "all" => Ok(traced(builder.header_attributes(false), Sampler::AlwaysOn)),
        "all-headers" => Ok(traced(builder, Sampler::AlwaysOn)),
        "prometheus" => measured(builder),
        _ => Err(format!("no such case: {case}").into()),
    }
}

fn traced(builder: TelemetryBuilder, sampler: Sampler) -> Observer {
    let arrived = Arc::new(AtomicU64::new(0));
    let queue = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .build();
    let processor = BatchSpanProcessor::builder(Sink(Arc::clone(&arrived)))
        .with_batch_config(queue)
        .build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(sampler)
        .with_max_attributes_per_span(ATTRIBUTES)
        .build();
    Observer {
        telemetry: builder.tracer_provider(provider.clone()).build(),
        is_linked: true,
        finish: Some(Box::new(move || {
            provider.force_flush()?;
            Ok(arrived.load(Ordering::Relaxed))
        })),
    }
}

fn measured(builder: TelemetryBuilder) -> Result<Observer, Failure> {
    let recorder = PrometheusBuilder::new()
        .with_recommended_naming(true)
        .set_buckets(&BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    Ok(Observer {
        telemetry: builder.recorder(recorder).build(),
        is_linked: true,
        finish: Some(Box::new(move || {
            // what histograms were given is sorted into buckets there
            handle.run_upkeep();
            Ok(0)
        })),
    })
}

/// Counts what it is given and drops it.
#[derive(Debug)]
struct Sink(Arc<AtomicU64>);

impl SpanExporter for Sink {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        std::future::ready(Ok(()))
    }
}
