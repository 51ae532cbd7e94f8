//! Exporters that speak OTLP, and what they do when nobody takes their data.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::{
    MetricExporter, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as SdkSpanExporter};
use tokio::runtime::Runtime;

use super::Error;
use super::environment::{Otlp, Protocol};

/// One retry: a collector that restarts is met again, one that is dead holds up the end of the
/// process by a tenth of a second.
const RETRIES: usize = 1;

/// The runtime of the exporters: one thread. They do not depend on the application's runtime, its
/// load and its end.
#[derive(Debug)]
pub(super) struct Engine(Option<Runtime>);

impl Engine {
    pub(super) fn start() -> Result<Arc<Self>, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("genesis-otlp")
            .enable_all()
            .build()
            .map_err(|error| Error::Exporter(format!("cannot start a thread: {error}")))?;
        Ok(Arc::new(Self(Some(runtime))))
    }

    /// Only for the threads of the SDK: it blocks.
    fn block_on<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.0.as_ref().map(|runtime| runtime.block_on(work))
    }

    fn entered<T>(&self, make: impl FnOnce() -> T) -> T {
        let _entered = self.0.as_ref().map(Runtime::enter);
        make()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // dropped in a task it must not wait
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The exporter of spans.
pub(super) fn spans(
    otlp: &Otlp,
    engine: &Arc<Engine>,
) -> Result<impl SdkSpanExporter + use<>, Error> {
    let made = engine.entered(|| match otlp.protocol {
        Protocol::Grpc => grpc(SpanExporter::builder().with_tonic(), otlp)
            .build()
            .map_err(|error| cannot(otlp, &error)),
        Protocol::Http => http(SpanExporter::builder().with_http(), otlp)?
            .build()
            .map_err(|error| cannot(otlp, &error)),
    });
    Ok(Watched::new("spans", made?, otlp, engine))
}

/// The exporter of metrics.
pub(super) fn metrics(
    otlp: &Otlp,
    engine: &Arc<Engine>,
) -> Result<impl PushMetricExporter + use<>, Error> {
    let made = engine.entered(|| match otlp.protocol {
        Protocol::Grpc => grpc(MetricExporter::builder().with_tonic(), otlp)
            .build()
            .map_err(|error| cannot(otlp, &error)),
        Protocol::Http => http(MetricExporter::builder().with_http(), otlp)?
            .build()
            .map_err(|error| cannot(otlp, &error)),
    });
    Ok(Watched::new("metrics", made?, otlp, engine))
}

fn grpc<B: WithExportConfig + WithTonicConfig>(builder: B, otlp: &Otlp) -> B {
    let builder = builder
        .with_endpoint(otlp.endpoint.whole())
        .with_timeout(otlp.timeout)
        .with_metadata(metadata(otlp))
        .with_retry_policy(retries());
    #[cfg(feature = "tls")]
    if let Some(tls) = &otlp.tls {
        return builder.with_tls_config(tls.grpc());
    }
    builder
}

fn http<B: WithExportConfig + WithHttpConfig>(builder: B, otlp: &Otlp) -> Result<B, Error> {
    let builder = builder
        .with_endpoint(otlp.endpoint.whole())
        .with_timeout(otlp.timeout)
        .with_headers(texts(otlp))
        .with_retry_policy(retries());
    #[cfg(feature = "tls")]
    if let Some(tls) = &otlp.tls {
        return Ok(builder.with_http_client(tls.http(otlp.timeout)?));
    }
    let plain = HyperClient::with_default_connector(otlp.timeout, None);
    Ok(builder.with_http_client(plain))
}

fn cannot(otlp: &Otlp, error: &opentelemetry_otlp::ExporterBuildError) -> Error {
    // some of its texts name the endpoint
    let (whole, shown) = (otlp.endpoint.whole(), otlp.endpoint.to_string());
    Error::Exporter(error.to_string().replace(&whole, &shown))
}

fn retries() -> RetryPolicy {
    RetryPolicy::recommended().with_max_retries(RETRIES)
}

fn metadata(otlp: &Otlp) -> MetadataMap {
    MetadataMap::from_headers(otlp.headers.iter().cloned().collect::<HeaderMap>())
}

fn texts(otlp: &Otlp) -> std::collections::HashMap<String, String> {
    let text = |(name, value): &(http::HeaderName, http::HeaderValue)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    otlp.headers.iter().filter_map(text).collect()
}

/// An exporter that runs in the engine and whose failures are told once, not once a batch.
struct Watched<E> {
    inner: E,
    engine: Arc<Engine>,
    signal: &'static str,
    endpoint: String,
    failing: AtomicBool,
    lost: AtomicU64,
}

impl<E> Watched<E> {
    fn new(signal: &'static str, inner: E, otlp: &Otlp, engine: &Arc<Engine>) -> Self {
        Self {
            inner,
            engine: Arc::clone(engine),
            signal,
            endpoint: otlp.endpoint.to_string(),
            failing: AtomicBool::new(false),
            lost: AtomicU64::new(0),
        }
    }

    /// Runs an export. What fails is told here, so the SDK hears of no error.
    fn watch(&self, export: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
        let Some(result) = self.engine.block_on(export) else {
            return Ok(());
        };
        let (signal, endpoint) = (self.signal, &*self.endpoint);
        match result {
            Ok(()) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    let lost = self.lost.swap(0, Ordering::Relaxed);
                    tracing::info!("{endpoint} takes {signal} again; {lost} batches were lost");
                }
            }
            Err(error) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "{endpoint} does not take {signal}, they are lost until it does: {error}"
                    );
                }
            }
        }
        Ok(())
    }
}

impl<E> std::fmt::Debug for Watched<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched")
            .field("signal", &self.signal)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl<E: SdkSpanExporter> SdkSpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.watch(self.inner.export(batch))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Watched<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.watch(self.inner.export(metrics))
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}
