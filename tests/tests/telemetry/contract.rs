//! The vocabulary is the contract, and the contract the vocabulary.

use std::collections::BTreeSet;
use std::fs;

use genesis_otel::vocabulary::{Instrument, Metric, Span, metrics, sources, spans};
use genesis_tests::repository;
use toml::{Table, Value};

pub(crate) fn contract() -> Table {
    let path = repository().join("tests/contract/telemetry.toml");
    fs::read_to_string(path).unwrap().parse().unwrap()
}

pub(crate) fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or("")
}

/// A list, or one text that stands for a list of one.
pub(crate) fn list<'a>(entry: &'a Value, key: &str) -> Vec<&'a str> {
    match entry.get(key) {
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => vec![text],
        _ => Vec::new(),
    }
}

pub(crate) fn entries(contract: &Table, kind: &str) -> Vec<Value> {
    contract[kind].as_array().unwrap().clone()
}

fn same_span(entry: &Value, span: &Span) {
    let name = span.name;
    assert_eq!(text(entry, "crate"), span.component, "{name}");
    assert_eq!(text(entry, "description"), span.description, "{name}");
    assert_eq!(list(entry, "attributes"), span.always, "{name}");
    assert_eq!(list(entry, "when"), span.when, "{name}");
    assert_eq!(list(entry, "events"), span.events, "{name}");
    assert_eq!(list(entry, "event"), span.from, "{name}");
    assert_eq!(text(entry, "parent"), span.parent.unwrap_or(""), "{name}");
}

fn same_metric(entry: &Value, metric: &Metric) {
    let name = metric.name;
    let instrument = match metric.instrument {
        Instrument::Counter => "counter",
        Instrument::Gauge => "gauge",
        Instrument::Histogram => "histogram",
    };
    assert_eq!(text(entry, "type"), instrument, "{name}");
    assert_eq!(text(entry, "description"), metric.description, "{name}");
    assert_eq!(list(entry, "labels"), metric.labels, "{name}");
    assert_eq!(list(entry, "when"), metric.when, "{name}");
}

#[test]
fn every_span_of_the_contract_is_in_the_vocabulary_and_none_besides() {
    let contract = contract();
    let entries = entries(&contract, "span");
    for entry in &entries {
        let name = text(entry, "name");
        let span = spans::named(name).unwrap_or_else(|| panic!("{name} is missing"));
        same_span(entry, span);
    }
    let names: BTreeSet<&str> = entries.iter().map(|entry| text(entry, "name")).collect();
    assert!(names.len() > 40);
    assert_eq!(names.len(), spans::ALL.len());
    assert!(spans::ALL.iter().all(|span| names.contains(span.name)));
}

#[test]
fn every_metric_of_the_contract_is_in_the_vocabulary_and_none_besides() {
    let contract = contract();
    let entries = entries(&contract, "metric");
    for entry in &entries {
        let name = text(entry, "name");
        let metric = metrics::named(name).unwrap_or_else(|| panic!("{name} is missing"));
        same_metric(entry, metric);
    }
    let names: BTreeSet<&str> = entries.iter().map(|entry| text(entry, "name")).collect();
    assert!(names.len() > 35);
    assert_eq!(names.len(), metrics::ALL.len());
    assert!(
        metrics::ALL
            .iter()
            .all(|metric| names.contains(metric.name))
    );
}

#[test]
fn every_attribute_is_read_from_the_header_of_the_contract() {
    let contract = contract();
    let headers = contract["headers"].as_table().unwrap();
    for (attribute, header) in headers {
        let source = sources::of(attribute).unwrap_or_else(|| panic!("{attribute} is missing"));
        assert_eq!(header.as_str(), Some(source.header), "{attribute}");
    }
    let read = sources::ALL
        .iter()
        .filter(|source| !source.header.is_empty());
    assert_eq!(read.count(), headers.len());
}
