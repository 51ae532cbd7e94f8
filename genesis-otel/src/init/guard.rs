//! What is kept while telemetry is exported.

use std::time::Duration;

use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::prometheus::Upkeep;
use super::{Error, Prometheus};

/// The exporters at work, and what keeps the metrics for Prometheus small while nobody scrapes.
/// Dropped without [`shutdown`](Self::shutdown), what was recorded last is lost.
#[derive(Debug)]
#[must_use = "call shutdown() at the end, or what was recorded last is lost"]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    prometheus: Option<Prometheus>,
    _upkeep: Option<Upkeep>,
}

impl Guard {
    /// A usual bound for [`shutdown`](Self::shutdown): 5 s.
    pub const FLUSH_WITHIN: Duration = Duration::from_secs(5);
    /// The bound for programs that do one thing and end, and whose user waits for that: 1 s.
    pub const FLUSH_BRIEFLY_WITHIN: Duration = Duration::from_secs(1);

    pub(super) fn new(
        traces: Option<SdkTracerProvider>,
        metrics: Option<SdkMeterProvider>,
        prometheus: Option<Prometheus>,
    ) -> Result<Self, Error> {
        let upkeep = prometheus.as_ref().map(Prometheus::upkeep).transpose()?;
        Ok(Self {
            traces,
            metrics,
            prometheus,
            _upkeep: upkeep,
        })
    }

    /// The provider of tracers, if spans are exported.
    #[must_use]
    pub fn tracer_provider(&self) -> Option<&SdkTracerProvider> {
        self.traces.as_ref()
    }

    /// What Prometheus may scrape, if it was asked for.
    #[must_use]
    pub fn prometheus(&self) -> Option<&Prometheus> {
        self.prometheus.as_ref()
    }

    /// Hands over what was recorded and ends the exporters; to be called inside a tokio runtime.
    /// It takes `within` at most, however dead the collector is.
    ///
    /// # Errors
    ///
    /// [`Error::FlushTimeout`] if it is not done by then. That a collector did not take what it was
    /// given is a warning in the log, not an error.
    ///
    /// # Cancel safety
    ///
    /// The work goes on in a thread of its own; only its end is not awaited.
    pub async fn shutdown(self, within: Duration) -> Result<(), Error> {
        let Self {
            traces, metrics, ..
        } = self;
        // these block; side by side, so that one dead collector does not use up the other's time
        let traces = tokio::task::spawn_blocking(move || {
            traces.is_none_or(|provider| provider.shutdown_with_timeout(within).is_ok())
        });
        let metrics = tokio::task::spawn_blocking(move || {
            metrics.is_none_or(|provider| provider.shutdown_with_timeout(within).is_ok())
        });
        let both = async { matches!(traces.await, Ok(true)) & matches!(metrics.await, Ok(true)) };
        match tokio::time::timeout(within, both).await {
            Ok(true) => Ok(()),
            _ => Err(Error::FlushTimeout(within)),
        }
    }
}
