//! `ENVIRONMENT.md` names every variable that is read, and no other.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::Setup;
use crate::TelemetryBuilder;

/// The variables in the first column of the tables below this heading.
fn documented(heading: &str) -> BTreeSet<String> {
    let document = include_str!("../../ENVIRONMENT.md");
    let (_, section) = document.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned())
        .collect()
}

/// The variables that are asked for if these are set.
fn asked(
    set: &[(&str, &str)],
    read: impl FnOnce(&dyn Fn(&str) -> Option<String>),
) -> BTreeSet<String> {
    let asked = RefCell::new(BTreeSet::new());
    read(&|name| {
        asked.borrow_mut().insert(name.to_owned());
        let found = set.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    });
    asked.into_inner()
}

#[test]
fn every_variable_of_the_exporters_is_documented() {
    let scheme = if cfg!(feature = "tls") {
        "https"
    } else {
        "http"
    };
    let endpoint = format!("{scheme}://c:1");
    let set = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
    ];
    let asked = asked(&set, |get| {
        Setup::from_lookup(get).unwrap();
    });
    // the twins for one signal have a sentence
    let common: BTreeSet<String> = asked
        .iter()
        .map(|name| {
            name.replace("OTLP_TRACES_", "OTLP_")
                .replace("OTLP_METRICS_", "OTLP_")
        })
        .collect();
    let mut documented = documented("What is exported");
    if !cfg!(feature = "tls") {
        documented.retain(|name| !name.ends_with("_CERTIFICATE") && !name.ends_with("_KEY"));
    }
    assert_eq!(common, documented);
    for signal in ["TRACES", "METRICS"] {
        let twins = common.iter().filter_map(|name| {
            let what = name.strip_prefix("OTEL_EXPORTER_OTLP_")?;
            Some(format!("OTEL_EXPORTER_OTLP_{signal}_{what}"))
        });
        for twin in twins {
            assert!(asked.contains(&twin), "{twin}");
        }
    }
}

#[test]
fn every_variable_of_what_is_observed_is_documented() {
    let asked = asked(&[], |get| {
        let _ = TelemetryBuilder::from_environment(get).build();
    });
    assert_eq!(asked, documented("What is observed"));
}
