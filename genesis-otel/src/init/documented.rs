//! `ENVIRONMENT.md` names every variable that is read, and no other.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::Setup;
use crate::TelemetryBuilder;
use crate::config::SWITCHES;

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
    // checked, too
    documented.extend(SWITCHES.map(str::to_owned));
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

/// What cannot be used, of each variable that cannot be just anything.
fn unusable(variable: &str) -> &'static [&'static str] {
    match variable {
        "OTEL_SERVICE_NAME" | "GENESIS_EXCLUDED_EVENTS" | "GENESIS_EXCLUDED_COMMANDS" => &[],
        "OTEL_SDK_DISABLED" => &["maybe", "1"],
        "OTEL_RESOURCE_ATTRIBUTES" => &["alone", "a=%zz", "=b"],
        "OTEL_EXPORTER_OTLP_ENDPOINT" => &["c:1", "http://c:0", "http://c:99999", "http://u@c"],
        "OTEL_EXPORTER_OTLP_PROTOCOL" => &["http/json", "1"],
        "OTEL_EXPORTER_OTLP_HEADERS" => &["alone", "a b=c"],
        "OTEL_EXPORTER_OTLP_CERTIFICATE"
        | "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
        | "OTEL_EXPORTER_OTLP_CLIENT_KEY" => &["/nowhere/at/all.pem"],
        "OTEL_TRACES_EXPORTER" | "OTEL_METRICS_EXPORTER" => &["zipkin", "otlp,jaeger"],
        "OTEL_TRACES_SAMPLER" => &["sometimes"],
        "OTEL_TRACES_SAMPLER_ARG" => &["half", "2", "-1", "NaN"],
        "OTEL_SPAN_EVENT_COUNT_LIMIT" | "OTEL_SPAN_LINK_COUNT_LIMIT" => &["many", "-1", "1000001"],
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" => &["many", "-1", "1.5"],
        "OTEL_EXPORTER_OTLP_TIMEOUT" => &["0", "10s", "-1", "86400001"],
        switch if SWITCHES.contains(&switch) => &["maybe", "2", "yes please"],
        number if number.starts_with("OTEL_BSP_") || number.starts_with("OTEL_METRIC_") => {
            &["0", "abc", "-1", "1.5", "18446744073709551615", " 5"]
        }
        other => panic!("{other}: what cannot be used?"),
    }
}

#[test]
fn what_cannot_be_used_of_any_variable_is_an_error_that_names_it() {
    let scheme = if cfg!(feature = "tls") {
        "https"
    } else {
        "http"
    };
    let endpoint = format!("{scheme}://c:1");
    let all = documented("What is observed")
        .into_iter()
        .chain(documented("What is exported"));
    for variable in all {
        let of_tls = variable.ends_with("_CERTIFICATE") || variable.ends_with("_KEY");
        if of_tls && !cfg!(feature = "tls") {
            continue;
        }
        let mut names = vec![variable.clone()];
        if let Some(what) = variable.strip_prefix("OTEL_EXPORTER_OTLP_") {
            names.extend(["TRACES", "METRICS"].map(|of| format!("OTEL_EXPORTER_OTLP_{of}_{what}")));
        }
        for (name, value) in names
            .iter()
            .flat_map(|name| unusable(&variable).iter().map(move |value| (name, *value)))
        {
            let get = |asked: &str| match asked {
                _ if asked == name => Some(value.to_owned()),
                "OTEL_EXPORTER_OTLP_ENDPOINT" if of_tls => Some(endpoint.clone()),
                _ => None,
            };
            let error = Setup::from_lookup(get).map(|_| ()).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{name}: ")),
                "{value:?}: {error}"
            );
        }
    }
}
