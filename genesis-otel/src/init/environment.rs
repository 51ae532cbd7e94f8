//! The environment variables of OpenTelemetry, read and checked.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use opentelemetry_sdk::trace::Sampler;

use super::Error;
use super::endpoint::Endpoint;
use super::numbers;
use super::tls::Tls;
use crate::config::{SWITCHES, is_switch};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the environment asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    /// `OTEL_SDK_DISABLED`: then everything else is as if it were not set.
    pub(super) disabled: bool,
    pub(super) service_name: Option<String>,
    /// Without `service.name`.
    pub(super) resource: Vec<(String, String)>,
    pub(super) sampler: Option<Sampler>,
    /// The largest number of attributes of a span, if one is set.
    pub(super) span_attributes: Option<u32>,
    pub(super) traces: Vec<Destination>,
    pub(super) metrics: Vec<Destination>,
}

/// Where one kind of signal goes.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    Otlp(Box<Otlp>),
    Stdout,
}

/// How to reach a collector.
#[derive(Clone)]
pub(super) struct Otlp {
    pub(super) protocol: Protocol,
    pub(super) endpoint: Endpoint,
    /// If the endpoint asks for it.
    pub(super) tls: Option<Tls>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Of one export.
    pub(super) timeout: Duration,
}

impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Otlp")
            .field("protocol", &self.protocol)
            .field("endpoint", &self.endpoint)
            .field("tls", &self.tls)
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .finish()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Grpc,
    Http,
}

#[derive(Clone, Copy)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    pub(super) fn in_names(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
        }
    }
}

/// The variables; one that is empty counts as unset.
pub(super) struct Variables<'a>(pub(super) &'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let value = (self.0)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// `OTEL_EXPORTER_OTLP_TRACES_X`, else `OTEL_EXPORTER_OTLP_X`, with the name of the one found.
    pub(super) fn otlp(&self, signal: Signal, what: &str) -> Option<(String, String)> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.in_names());
        let common = format!("OTEL_EXPORTER_OTLP_{what}");
        [own, common]
            .into_iter()
            .find_map(|name| self.get(&name).map(|value| (name, value)))
    }
}

impl Environment {
    pub(super) fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let variables = Variables(get);
        // they are of no signal, and hold without exporters, too
        switches(&variables)?;
        if disabled(&variables)? {
            return Ok(Self {
                disabled: true,
                ..Self::default()
            });
        }
        let mut resource = resource(&variables)?;
        let at = resource.iter().rposition(|(key, _)| key == "service.name");
        let named = at.map(|at| resource.remove(at).1);
        resource.retain(|(key, _)| key != "service.name");
        numbers::check(&variables)?;
        Ok(Self {
            disabled: false,
            service_name: variables.get("OTEL_SERVICE_NAME").or(named),
            resource,
            sampler: sampler(&variables)?,
            span_attributes: span_attributes(&variables)?,
            traces: destinations(&variables, Signal::Traces)?,
            metrics: destinations(&variables, Signal::Metrics)?,
        })
    }
}

/// Whoever builds a `Telemetry` has no place for an error: here is one.
fn switches(variables: &Variables<'_>) -> Result<(), Error> {
    for name in SWITCHES {
        if let Some(value) = variables.get(name).filter(|value| !is_switch(value)) {
            let problem = format!("{value:?} is neither on nor off; write 1 or 0");
            return Err(Error::environment(name, problem));
        }
    }
    Ok(())
}

fn disabled(variables: &Variables<'_>) -> Result<bool, Error> {
    let name = "OTEL_SDK_DISABLED";
    match variables.get(name) {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
        Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
        Some(value) => Err(Error::environment(
            name,
            format!("{value:?} is neither true nor false"),
        )),
    }
}

fn resource(variables: &Variables<'_>) -> Result<Vec<(String, String)>, Error> {
    let name = "OTEL_RESOURCE_ATTRIBUTES";
    let Some(text) = variables.get(name) else {
        return Ok(Vec::new());
    };
    pairs(&text).map_err(|problem| Error::environment(name, problem))
}

/// `key=value,key=value`, values percent-encoded. The text of an error holds no value.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let parts = text.split(',').map(str::trim).enumerate();
    for (index, part) in parts.filter(|(_, part)| !part.is_empty()) {
        let number = index + 1;
        let (key, value) = part
            .split_once('=')
            .ok_or_else(|| format!("entry {number} has no `=`; write key=value,key=value"))?;
        let key = key.trim();
        if key.is_empty() {
            return Err(format!("entry {number} has no key; write key=value"));
        }
        let value = decoded(value.trim()).ok_or_else(|| {
            format!(
                "the value of {key:?} has a `%` that is no percent-encoding of UTF-8; write %25"
            )
        })?;
        found.push((key.to_owned(), value));
    }
    Ok(found)
}

/// Percent-encoding undone.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let (digits, after) = after.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            if digits.starts_with('+') {
                return None;
            }
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after;
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

fn sampler(variables: &Variables<'_>) -> Result<Option<Sampler>, Error> {
    let ratio = ratio(variables)?;
    let Some(name) = variables.get("OTEL_TRACES_SAMPLER") else {
        return Ok(None);
    };
    let parent = |root| Sampler::ParentBased(Box::new(root));
    Ok(Some(match &*name.to_ascii_lowercase() {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio),
        "parentbased_always_on" => parent(Sampler::AlwaysOn),
        "parentbased_always_off" => parent(Sampler::AlwaysOff),
        "parentbased_traceidratio" => parent(Sampler::TraceIdRatioBased(ratio)),
        _ => {
            return Err(Error::environment(
                "OTEL_TRACES_SAMPLER",
                format!(
                    "{name:?} is no sampler; write always_on, always_off, traceidratio, \
                     parentbased_always_on, parentbased_always_off or parentbased_traceidratio"
                ),
            ));
        }
    }))
}

fn ratio(variables: &Variables<'_>) -> Result<f64, Error> {
    let name = "OTEL_TRACES_SAMPLER_ARG";
    let Some(text) = variables.get(name) else {
        return Ok(1.0);
    };
    let number = text.parse::<f64>().ok();
    let ratio = number.filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| {
        Error::environment(
            name,
            format!("{text:?} is no ratio; write a number from 0 to 1"),
        )
    })
}

fn span_attributes(variables: &Variables<'_>) -> Result<Option<u32>, Error> {
    let name = "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT";
    let parse = |text: String| {
        text.parse::<u32>()
            .map_err(|_| Error::environment(name, format!("{text:?} is no number of attributes")))
    };
    variables.get(name).map(parse).transpose()
}

/// Where a signal goes: as the variable says, else to the collector if an endpoint is given,
/// else nowhere.
fn destinations(variables: &Variables<'_>, signal: Signal) -> Result<Vec<Destination>, Error> {
    let variable = format!("OTEL_{}_EXPORTER", signal.in_names());
    let how = how(variables, signal)?;
    let Some(list) = variables.get(&variable) else {
        return Ok(match variables.otlp(signal, "ENDPOINT") {
            Some(_) => vec![Destination::Otlp(Box::new(
                how.at_collector(variables, signal)?,
            ))],
            None => Vec::new(),
        });
    };
    let (mut to_collector, mut to_stdout) = (false, false);
    for name in list.split(',').map(str::trim) {
        match (&*name.to_ascii_lowercase(), signal) {
            ("none", _) => {}
            ("otlp", _) => to_collector = true,
            ("console" | "stdout", _) => to_stdout = true,
            // what is scraped is served without being asked for here
            ("prometheus", Signal::Metrics) => {}
            _ => {
                return Err(Error::environment(
                    variable,
                    format!(
                        "{name:?} is no exporter; write otlp, console or none (Jaeger and Zipkin \
                         backends take otlp)"
                    ),
                ));
            }
        }
    }
    let mut found = Vec::new();
    if to_collector {
        found.push(Destination::Otlp(Box::new(
            how.at_collector(variables, signal)?,
        )));
    }
    if to_stdout {
        found.push(Destination::Stdout);
    }
    Ok(found)
}

/// What is said of collectors, wherever they are.
struct How {
    protocol: Protocol,
    headers: Vec<(HeaderName, HeaderValue)>,
    timeout: Duration,
}

impl How {
    fn at_collector(self, variables: &Variables<'_>, signal: Signal) -> Result<Otlp, Error> {
        let (endpoint, tls) = Endpoint::read(variables, signal, self.protocol)?;
        Ok(Otlp {
            protocol: self.protocol,
            endpoint,
            tls,
            headers: self.headers,
            timeout: self.timeout,
        })
    }
}

fn how(variables: &Variables<'_>, signal: Signal) -> Result<How, Error> {
    let protocol = match variables.otlp(signal, "PROTOCOL") {
        None => Protocol::Http,
        Some((name, value)) => match &*value.to_ascii_lowercase() {
            "grpc" => Protocol::Grpc,
            "http/protobuf" => Protocol::Http,
            _ => {
                return Err(Error::environment(
                    name,
                    format!("{value:?} is no protocol; write http/protobuf or grpc"),
                ));
            }
        },
    };
    let headers = match variables.otlp(signal, "HEADERS") {
        None => Vec::new(),
        Some((name, value)) => {
            headers(&value).map_err(|problem| Error::environment(name, problem))?
        }
    };
    let timeout = match variables.otlp(signal, "TIMEOUT") {
        None => DEFAULT_TIMEOUT,
        Some((name, value)) => Duration::from_millis(numbers::milliseconds(&name, &value)?),
    };
    Ok(How {
        protocol,
        headers,
        timeout,
    })
}

/// As `OTEL_EXPORTER_OTLP_HEADERS` writes them. The text of an error holds no value.
fn headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let header = |(name, value): (String, String)| {
        let header = HeaderName::try_from(&name).map_err(|_| {
            // what stands before the `=` may be a part of a secret
            "a name is no header name; write name=value,name=value".to_owned()
        })?;
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| format!("the value of {name:?} has characters no header may have"))?;
        value.set_sensitive(true);
        Ok((header, value))
    };
    pairs(text)
        .map_err(|_| "it is not name=value,name=value with percent-encoded values".to_owned())?
        .into_iter()
        .map(header)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, Error> {
        Environment::read(&|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn otlp_of(destinations: &[Destination]) -> &Otlp {
        match destinations {
            [Destination::Otlp(otlp)] => otlp,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_variables_nothing_is_exported() {
        let environment = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "  ")]).unwrap();
        assert!(environment.traces.is_empty() && environment.metrics.is_empty());
        assert!(environment.service_name.is_none());
    }

    #[test]
    fn an_endpoint_for_both_gets_the_signals_paths_and_one_of_its_own_does_not() {
        let environment = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/base/"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://other:1/m"),
        ])
        .unwrap();
        let (traces, metrics) = (otlp_of(&environment.traces), otlp_of(&environment.metrics));
        assert_eq!(
            traces.endpoint.whole(),
            "http://collector:4318/base/v1/traces"
        );
        assert_eq!(metrics.endpoint.whole(), "http://other:1/m");
        assert_eq!(traces.protocol, Protocol::Http);
        assert_eq!(traces.timeout, Duration::from_secs(10));
    }

    #[test]
    fn grpc_has_its_own_port_and_no_path() {
        let environment = read(&[
            ("OTEL_TRACES_EXPORTER", "otlp"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
        ])
        .unwrap();
        let traces = otlp_of(&environment.traces);
        assert_eq!(traces.endpoint.to_string(), "http://localhost:4317");
        assert_eq!(traces.timeout, Duration::from_millis(250));
        assert!(environment.metrics.is_empty());
    }

    #[test]
    fn a_signals_own_variable_wins() {
        let environment = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "GRPC"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=1"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=two%20words"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ])
        .unwrap();
        let traces = otlp_of(&environment.traces);
        assert_eq!(traces.protocol, Protocol::Grpc);
        assert_eq!(traces.headers.len(), 1);
        assert_eq!(traces.headers[0].0, "b");
        assert_eq!(traces.headers[0].1, "two words");
        assert!(environment.metrics.is_empty());
    }

    #[test]
    fn the_switch_turns_everything_off() {
        let environment = read(&[
            ("OTEL_SDK_DISABLED", "TRUE"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ])
        .unwrap();
        assert!(environment.traces.is_empty() && environment.metrics.is_empty());
    }

    #[test]
    fn the_service_is_named_by_its_variable_or_by_the_resource() {
        let name = |variables: &[(&str, &str)]| read(variables).unwrap().service_name;
        let resource = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=pbx, a.b=x%2Cy");
        assert_eq!(name(&[resource]).as_deref(), Some("pbx"));
        let both = [resource, ("OTEL_SERVICE_NAME", "acd")];
        assert_eq!(name(&both).as_deref(), Some("acd"));
        assert_eq!(
            read(&[resource]).unwrap().resource,
            [("a.b".to_owned(), "x,y".to_owned())]
        );
    }

    #[test]
    fn samplers_and_their_ratio() {
        let sampler = |name, ratio| {
            let read = read(&[
                ("OTEL_TRACES_SAMPLER", name),
                ("OTEL_TRACES_SAMPLER_ARG", ratio),
            ]);
            read.map(|environment| format!("{:?}", environment.sampler))
        };
        assert!(sampler("traceidratio", "0.25").unwrap().contains("0.25"));
        assert!(
            sampler("parentbased_traceidratio", "")
                .unwrap()
                .contains("1.0")
        );
        assert!(sampler("always_off", "").unwrap().contains("AlwaysOff"));
        assert!(sampler("traceidratio", "2").is_err());
        assert!(sampler("traceidratio", "NaN").is_err());
    }

    #[test]
    fn an_error_names_the_variable_and_what_is_accepted() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1");
        for (variable, value, accepted) in [
            ("OTEL_SDK_DISABLED", "maybe", "neither true nor false"),
            (
                "OTEL_TRACES_EXPORTER",
                "jaeger",
                "write otlp, console or none",
            ),
            (
                "OTEL_METRICS_EXPORTER",
                "statsd",
                "write otlp, console or none",
            ),
            (
                "OTEL_TRACES_SAMPLER",
                "sometimes",
                "parentbased_traceidratio",
            ),
            (
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                "http/json",
                "write http/protobuf or grpc",
            ),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "write milliseconds"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "write milliseconds"),
            (
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "collector:4318",
                "write a URL such as",
            ),
            ("OTEL_RESOURCE_ATTRIBUTES", "alone", "write key=value"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=%+1", "percent-encoding"),
            ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "no number"),
        ] {
            let error = read(&[endpoint, (variable, value)])
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(&format!("{variable}: ")), "{error}");
            assert!(error.contains(accepted), "{error}");
        }
    }

    #[test]
    fn lesson_42_no_error_and_no_debug_shows_a_header_or_a_password() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1");
        for headers in [
            "s3cret",
            "a b=s3cret",
            "x=s3cret\u{7f}",
            "x=%zzs3cret",
            "s3cret x=1",
        ] {
            let read = read(&[endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", headers)]);
            let error = read.unwrap_err().to_string();
            assert!(error.starts_with("OTEL_EXPORTER_OTLP_HEADERS: "), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let good = (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20s3cret",
        );
        let debug = format!("{:?}", read(&[endpoint, good]).unwrap());
        assert!(
            debug.contains("authorization") && !debug.contains("s3cret"),
            "{debug}"
        );
    }
}
