//! What is emitted, compared with the contract.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use genesis_otel::vocabulary::{sources, spans};
use genesis_tests::repository;
use metrics_util::MetricKind;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use toml::{Table, Value};

use crate::watch::Series;

/// Every span may have these beside what the contract says.
const ALSO: [&str; 7] = [
    "server.address",
    "server.port",
    "client.address",
    "client.port",
    "network.transport",
    "network.protocol.name",
    "error.type",
];

fn entries(kind: &str) -> Vec<Value> {
    let path = repository().join("tests/contract/telemetry.toml");
    let contract: Table = fs::read_to_string(path).unwrap().parse().unwrap();
    contract[kind].as_array().unwrap().clone()
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(entry: &'a Value, key: &str) -> Vec<&'a str> {
    let values = entry.get(key).and_then(Value::as_array);
    let values = values.map(Vec::as_slice).unwrap_or_default();
    values.iter().filter_map(Value::as_str).collect()
}

fn is_one_of(name: &str, patterns: &[&str]) -> bool {
    patterns
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start) || sources::expand(pattern).contains(&name),
            None => name == *pattern,
        })
}

/// What is wrong with the spans.
pub(crate) fn faults_of_spans(emitted: &[SpanData], never: &[(&str, &str)]) -> Vec<String> {
    let contract = entries("span");
    let mut faults = BTreeSet::new();
    let mut by_name: BTreeMap<&str, Vec<&SpanData>> = BTreeMap::new();
    for span in emitted {
        by_name.entry(&*span.name).or_default().push(span);
    }
    for name in by_name.keys() {
        if !contract.iter().any(|entry| text(entry, "name") == *name) {
            faults.insert(format!("span {name} is not in the contract"));
        }
    }
    for entry in &contract {
        let name = text(entry, "name");
        let Some(of_name) = by_name.get(name) else {
            faults.insert(format!("span {name} is missing"));
            continue;
        };
        let mut seen = BTreeSet::new();
        for span in of_name {
            faults_of_span(entry, span, &mut faults);
            seen.extend(span.attributes.iter().map(|a| a.key.as_str()));
        }
        for when in list(entry, "when").into_iter().flat_map(sources::expand) {
            if seen.contains(when) == never.contains(&(name, when)) {
                faults.insert(format!("{name}: {when} never appears, or does after all"));
            }
        }
    }
    faults.into_iter().collect()
}

fn faults_of_span(entry: &Value, span: &SpanData, faults: &mut BTreeSet<String>) {
    let name = text(entry, "name");
    let has: Vec<&str> = span.attributes.iter().map(|a| a.key.as_str()).collect();
    let always = list(entry, "attributes");
    for wanted in &always {
        if !has.iter().any(|it| is_one_of(it, &[wanted])) {
            faults.insert(format!("{name}: {wanted} is missing ({:?})", span.status));
        }
    }
    let mut allowed = always;
    allowed.extend(list(entry, "when"));
    allowed.extend(ALSO);
    if name.starts_with("freeswitch.channel.") || name == "freeswitch.call.update" {
        allowed.extend(spans::OF_A_CHANNEL);
    }
    for attribute in &has {
        if !is_one_of(attribute, &allowed) {
            faults.insert(format!("{name}: {attribute} is not in the contract"));
        }
    }
    let kind = match name {
        "inbound_connect" | "send_command" => SpanKind::Client,
        "outbound_handle_connection" => SpanKind::Server,
        "process_event" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    };
    if span.span_kind != kind {
        faults.insert(format!("{name}: {:?}", span.span_kind));
    }
    let scope = &span.instrumentation_scope;
    if scope.name() != "genesis" || scope.version().is_none() || scope.schema_url().is_none() {
        faults.insert(format!("{name}: {scope:?}"));
    }
    faults_of_the_end(entry, span, faults);
}

/// Span events, status and `error.type`.
fn faults_of_the_end(entry: &Value, span: &SpanData, faults: &mut BTreeSet<String>) {
    let name = text(entry, "name");
    let expected = list(entry, "events");
    let (exceptions, others): (Vec<_>, Vec<_>) =
        (span.events.iter()).partition(|event| event.name == "exception");
    for (event, expected) in others.iter().zip(&expected) {
        let fixed = expected.split('<').next().unwrap();
        if !event.name.starts_with(fixed) || expected.contains('<') == (event.name == *expected) {
            faults.insert(format!("{name}: span event {}", event.name));
        }
    }
    if others.len() != expected.len() {
        faults.insert(format!("{name}: {} span events", others.len()));
    }
    let kind = span
        .attributes
        .iter()
        .find(|a| a.key.as_str() == "error.type");
    match &span.status {
        Status::Error { description } => {
            let told = exceptions.first().map(|event| {
                let names = event.attributes.iter().map(|a| a.key.as_str());
                names.collect::<Vec<_>>()
            });
            let named = told == Some(vec!["exception.type", "exception.message"]);
            if description.is_empty() || kind.is_none() || exceptions.len() != 1 || !named {
                faults.insert(format!("{name}: an error without {kind:?} {exceptions:?}"));
            }
        }
        status => {
            let cancelled = kind.is_some_and(|kind| kind.value.as_str() == "cancelled");
            if *status != Status::Unset || !exceptions.is_empty() || (kind.is_some() && !cancelled)
            {
                faults.insert(format!("{name}: {status:?} {kind:?}"));
            }
        }
    }
}

/// What is wrong with the metrics.
pub(crate) fn faults_of_metrics(emitted: &[Series], never: &[(&str, &str)]) -> Vec<String> {
    let contract = entries("metric");
    let mut faults = BTreeSet::new();
    for series in emitted {
        if !contract
            .iter()
            .any(|entry| text(entry, "name") == series.name)
        {
            faults.insert(format!("metric {} is not in the contract", series.name));
        }
    }
    for entry in &contract {
        let name = text(entry, "name");
        let of_name: Vec<_> = emitted
            .iter()
            .filter(|series| series.name == name)
            .collect();
        if of_name.is_empty() {
            faults.insert(format!("metric {name} is missing"));
        }
        let kind = match text(entry, "type") {
            "counter" => MetricKind::Counter,
            "gauge" => MetricKind::Gauge,
            _ => MetricKind::Histogram,
        };
        let (always, when) = (list(entry, "labels"), list(entry, "when"));
        let mut seen = BTreeSet::new();
        for series in of_name {
            let has = || series.labels.keys().map(String::as_str);
            seen.extend(has());
            if let Some(missing) = always.iter().find(|label| !has().any(|it| it == **label)) {
                faults.insert(format!("{name}: no label {missing} in {:?}", series.labels));
            }
            if let Some(other) = has().find(|it| !always.contains(it) && !when.contains(it)) {
                faults.insert(format!("{name}: the label {other} is not in the contract"));
            }
            if series.kind != kind || !series.described {
                faults.insert(format!("{name}: {series:?}"));
            }
        }
        for label in when {
            if seen.contains(label) == never.contains(&(name, label)) {
                faults.insert(format!("{name}: the label {label} never appears, or does"));
            }
        }
    }
    faults.into_iter().collect()
}
