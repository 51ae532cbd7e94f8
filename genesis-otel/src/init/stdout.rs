//! Exporters that print, for development.

use std::io::Write as _;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// The exporter of spans.
pub(super) fn spans() -> impl SpanExporter {
    Printed(opentelemetry_stdout::SpanExporter::default())
}

/// The exporter of metrics.
pub(super) fn metrics() -> impl PushMetricExporter {
    Printed(opentelemetry_stdout::MetricExporter::default())
}

/// Prints for as long as somebody reads: what is below panics on a pipe whose reader has left, as
/// `| head` does.
#[derive(Debug)]
struct Printed<E>(E);

/// Whether there is a reader; asked with a blank line, which also sets batches apart.
fn is_read() -> bool {
    let mut stdout = std::io::stdout();
    writeln!(stdout).and_then(|()| stdout.flush()).is_ok()
}

impl<E: SpanExporter> SpanExporter for Printed<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        match is_read() {
            true => self.0.export(batch).await,
            false => Ok(()),
        }
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Printed<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        match is_read() {
            true => self.0.export(metrics).await,
            false => Ok(()),
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.0.temporality()
    }
}
