//! Exporters for binaries, made from the environment.
//!
//! Behind the feature `init`, because it brings the SDK and the exporters. A library never installs
//! anything global; a program does it once, before its first connection.
//!
//! ```no_run
//! use genesis_otel::init::{Guard, Setup};
//!
//! # async fn serve() {}
//! # async fn run() -> Result<(), genesis_otel::init::Error> {
//! let telemetry = Setup::from_env()?.prometheus().install()?;
//! serve().await; // and show `telemetry.prometheus()` to who scrapes
//! telemetry.shutdown(Guard::FLUSH_WITHIN).await
//! # }
//! ```
#![doc = include_str!("../../ENVIRONMENT.md")]

mod both;
mod bridge;
mod buckets;
#[cfg(test)]
mod documented;
mod endpoint;
mod environment;
mod error;
mod guard;
mod ids;
mod numbers;
mod otlp;
mod prometheus;
mod stdout;
mod tls;

use std::sync::Arc;

use metrics::Recorder;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue, global};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, Sampler, SdkTracerProvider};

pub use error::Error;
pub use guard::Guard;
pub use prometheus::Prometheus;

use self::both::Both;
use self::bridge::Bridge;
use self::environment::{Destination, Environment};
use self::ids::Ids;
use self::otlp::Engine;

/// Real events have up to 307 headers, each of which is an attribute.
const SPAN_ATTRIBUTES: u32 = 384;

/// The service if nobody names one.
const SERVICE: &str = "genesis";

/// A recorder of metrics, as `metrics::set_global_recorder` and `metrics::with_local_recorder` take
/// it.
pub type BoxedRecorder = Box<dyn Recorder + Send + Sync>;

/// What is to be exported and how.
#[derive(Clone, Debug)]
pub struct Setup {
    environment: Environment,
    service_name: String,
    service_version: Option<String>,
    prometheus: bool,
    ids: bool,
}

impl Setup {
    /// What the environment of the process asks for.
    ///
    /// # Errors
    ///
    /// [`Error::Environment`] names the variable that cannot be used and what is accepted.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// What these variables ask for.
    ///
    /// ```
    /// # use genesis_otel::init::Setup;
    /// let wrong = Setup::from_lookup(|name| {
    ///     (name == "OTEL_TRACES_EXPORTER").then(|| "jaeger".to_owned())
    /// });
    /// let text = wrong.unwrap_err().to_string();
    /// assert!(text.starts_with("OTEL_TRACES_EXPORTER: "), "{text}");
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`from_env`](Self::from_env).
    pub fn from_lookup(get: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        Ok(Self {
            environment: Environment::read(&get)?,
            service_name: SERVICE.to_owned(),
            service_version: None,
            prometheus: false,
            ids: false,
        })
    }

    /// The name of the service if the environment has none. Default `genesis`.
    #[must_use]
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = name.into();
        self
    }

    /// The version of the service, the resource's `service.version`. Default none.
    #[must_use]
    pub fn service_version(mut self, version: impl Into<String>) -> Self {
        self.service_version = Some(version.into());
        self
    }

    /// Collects metrics for Prometheus to scrape; see [`Guard::prometheus`]. Off by default.
    #[must_use]
    pub fn prometheus(mut self) -> Self {
        self.prometheus = true;
        self
    }

    /// Gives spans ids although nobody exports them, so that log lines and the channel variable
    /// `traceparent` tell what belongs together; nothing is recorded, and a span costs what its two
    /// random numbers do. `OTEL_SDK_DISABLED=true` turns it off. Off by default, and of use with
    /// [`install`](Self::install) only.
    #[must_use]
    pub fn ids(mut self) -> Self {
        self.ids = true;
        self
    }

    /// Whether anything would be exported.
    #[must_use]
    pub fn exports(&self) -> bool {
        let Environment {
            traces, metrics, ..
        } = &self.environment;
        self.prometheus || !traces.is_empty() || !metrics.is_empty()
    }

    /// Makes the exporters and installs them for the whole process: the tracer provider, the
    /// propagator of `traceparent`, the recorder of metrics. What is not exported is not installed.
    ///
    /// # Errors
    ///
    /// [`Error::Exporter`] if an exporter cannot be made, [`Error::RecorderInstalled`] if the
    /// process has a recorder of metrics already.
    pub fn install(self) -> Result<Guard, Error> {
        let ids = self.ids && !self.environment.disabled;
        let (guard, recorder) = self.build()?;
        if let Some(recorder) = recorder {
            metrics::set_global_recorder(recorder).map_err(|_| Error::RecorderInstalled)?;
        }
        if let Some(provider) = guard.tracer_provider() {
            global::set_text_map_propagator(TraceContextPropagator::new());
            global::set_tracer_provider(provider.clone());
        } else if ids {
            global::set_text_map_propagator(TraceContextPropagator::new());
            global::set_tracer_provider(Ids::default());
        }
        Ok(guard)
    }

    /// Makes the exporters and installs nothing: for those who pass the provider (of the guard) and
    /// the recorder on themselves. There is a recorder if metrics are exported; it is to be kept until
    /// the guard's [`shutdown`](Guard::shutdown), because counters and gauges are read from it.
    ///
    /// # Errors
    ///
    /// [`Error::Exporter`] if an exporter cannot be made.
    pub fn build(self) -> Result<(Guard, Option<BoxedRecorder>), Error> {
        let Environment {
            traces, metrics, ..
        } = &self.environment;
        let mut all = traces.iter().chain(metrics);
        let engine = match all.any(|to| matches!(to, Destination::Otlp(_))) {
            true => Some(Engine::start()?),
            false => None,
        };
        let resource = self.resource();
        let traces = self.traces(&resource, engine.as_ref())?;
        let metrics = self.metrics(resource, engine.as_ref())?;
        let (prometheus, recorder) = self.recorder(metrics.as_ref())?;
        Ok((Guard::new(traces, metrics, prometheus)?, recorder))
    }

    fn resource(&self) -> Resource {
        let environment = &self.environment;
        let name = environment.service_name.as_ref();
        let mut attributes: Vec<KeyValue> = environment
            .resource
            .iter()
            .map(|(key, value)| KeyValue::new(key.clone(), value.clone()))
            .collect();
        attributes.push(KeyValue::new(
            "service.name",
            name.unwrap_or(&self.service_name).clone(),
        ));
        // without an id of their own, two processes would write the same series
        let more = [
            ("service.version", self.service_version.clone()),
            ("service.instance.id", Some(instance())),
        ];
        for (key, value) in more {
            let given = attributes.iter().any(|pair| pair.key.as_str() == key);
            if let Some(value) = value.filter(|_| !given) {
                attributes.push(KeyValue::new(key, value));
            }
        }
        Resource::builder_empty()
            .with_detector(Box::new(TelemetryResourceDetector))
            .with_attributes(attributes)
            .build()
    }

    fn traces(
        &self,
        resource: &Resource,
        engine: Option<&Arc<Engine>>,
    ) -> Result<Option<SdkTracerProvider>, Error> {
        let environment = &self.environment;
        if environment.traces.is_empty() {
            return Ok(None);
        }
        let sampler = environment.sampler.clone();
        let attributes = environment.span_attributes.unwrap_or(SPAN_ATTRIBUTES);
        let mut builder = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_sampler(sampler.unwrap_or(Sampler::ParentBased(Box::new(Sampler::AlwaysOn))))
            .with_max_attributes_per_span(attributes.max(SPAN_ATTRIBUTES));
        for destination in &environment.traces {
            builder = match (destination, engine) {
                (Destination::Otlp(otlp), Some(engine)) => {
                    builder.with_batch_exporter(otlp::spans(otlp, engine)?)
                }
                (Destination::Otlp(_), None) => builder,
                (Destination::Stdout, _) => builder.with_batch_exporter(stdout::spans()),
            };
        }
        Ok(Some(builder.build()))
    }

    fn metrics(
        &self,
        resource: Resource,
        engine: Option<&Arc<Engine>>,
    ) -> Result<Option<SdkMeterProvider>, Error> {
        let environment = &self.environment;
        if environment.metrics.is_empty() {
            return Ok(None);
        }
        let mut builder = SdkMeterProvider::builder().with_resource(resource);
        for destination in &environment.metrics {
            builder = match (destination, engine) {
                (Destination::Otlp(otlp), Some(engine)) => {
                    builder.with_periodic_exporter(otlp::metrics(otlp, engine)?)
                }
                (Destination::Otlp(_), None) => builder,
                (Destination::Stdout, _) => builder.with_periodic_exporter(stdout::metrics()),
            };
        }
        Ok(Some(builder.build()))
    }

    /// One recorder for Prometheus and for OpenTelemetry, as far as they are wanted.
    fn recorder(
        &self,
        metrics: Option<&SdkMeterProvider>,
    ) -> Result<(Option<Prometheus>, Option<BoxedRecorder>), Error> {
        let bridge = metrics.map(|provider| {
            let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
                .with_version(env!("CARGO_PKG_VERSION"))
                .build();
            Bridge::new(provider.meter_with_scope(scope))
        });
        let scraped = match self.prometheus {
            true => Some(prometheus::recorder()?),
            false => None,
        };
        let (handle, recorder): (_, BoxedRecorder) = match (scraped, bridge) {
            (None, None) => return Ok((None, None)),
            (Some((recorder, handle)), None) => (Some(handle), Box::new(recorder)),
            (None, Some(bridge)) => (None, Box::new(bridge)),
            (Some((recorder, handle)), Some(bridge)) => {
                (Some(handle), Box::new(Both(recorder, bridge)))
            }
        };
        prometheus::describe(&*recorder);
        Ok((handle, Some(recorder)))
    }
}

/// A random UUID.
fn instance() -> String {
    let random = RandomIdGenerator::default().new_trace_id().to_bytes();
    let random = u128::from_be_bytes(random);
    let version = random & !(0xf << 76) | (0x4 << 76);
    let uuid = version & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{uuid:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(variables: &[(&str, &str)]) -> Setup {
        let get = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Setup::from_lookup(get).unwrap()
    }

    #[test]
    fn without_an_endpoint_nothing_is_made() {
        let setup = setup(&[]);
        assert!(!setup.exports());
        let (guard, recorder) = setup.build().unwrap();
        assert!(guard.tracer_provider().is_none() && guard.prometheus().is_none());
        assert!(recorder.is_none());
    }

    #[test]
    fn prometheus_alone_starts_no_exporter() {
        let setup = setup(&[("OTEL_SDK_DISABLED", "true")]).prometheus();
        assert!(setup.exports());
        let (guard, recorder) = setup.build().unwrap();
        assert!(guard.tracer_provider().is_none() && guard.prometheus().is_some());
        assert!(recorder.is_some());
    }

    #[test]
    fn the_resource_names_the_service_and_the_environment_wins() {
        let of = |setup: &Setup, key: &'static str| {
            let value = setup.resource().get(&opentelemetry::Key::new(key));
            value.map(|value| value.to_string())
        };
        let plain = setup(&[]).service_version("1.0.0");
        assert_eq!(of(&plain, "service.name").as_deref(), Some("genesis"));
        assert_eq!(of(&plain, "service.version").as_deref(), Some("1.0.0"));
        assert_eq!(
            of(&plain, "telemetry.sdk.language").as_deref(),
            Some("rust")
        );
        let instance = of(&plain, "service.instance.id").unwrap();
        let dashes: Vec<usize> = instance.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!((instance.len(), &*dashes), (36, &[8, 13, 18, 23][..]));
        assert!(instance[14..].starts_with('4'), "{instance}");
        assert!(
            instance[19..].starts_with(['8', '9', 'a', 'b']),
            "{instance}"
        );
        assert_ne!(of(&plain, "service.instance.id"), Some(instance));
        let resource = "service.version=2,service.name=pbx,team=voice";
        let named = setup(&[("OTEL_RESOURCE_ATTRIBUTES", resource)])
            .service_name("acd")
            .service_version("1.0.0");
        assert_eq!(of(&named, "service.name").as_deref(), Some("pbx"));
        assert_eq!(of(&named, "service.version").as_deref(), Some("2"));
        assert_eq!(of(&named, "team").as_deref(), Some("voice"));
    }
}
