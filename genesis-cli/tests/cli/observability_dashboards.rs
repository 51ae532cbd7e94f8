//! `dashboards/`: what they ask for is there, and promtool accepts it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use genesis_otel::vocabulary::{Instrument, Metric, metrics as vocabulary};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../dashboards")
}

fn read(name: &str) -> String {
    let path = folder().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The metric that a series of this name belongs to.
fn metric_of(series: &str) -> &'static Metric {
    if let Some(metric) = vocabulary::named(series) {
        assert_ne!(
            metric.instrument,
            Instrument::Histogram,
            "{series} is no series"
        );
        return metric;
    }
    let base = ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|part| series.strip_suffix(part))
        .unwrap_or_else(|| panic!("there is no metric {series}"));
    let metric = vocabulary::named(base).unwrap_or_else(|| panic!("there is no metric {series}"));
    assert_eq!(metric.instrument, Instrument::Histogram, "{series}");
    metric
}

/// Its labels, as Prometheus writes them.
fn labels_of(metric: &Metric) -> BTreeSet<String> {
    let own = metric.labels.iter().chain(metric.when);
    let mut labels: BTreeSet<String> = own.map(|label| label.replace('.', "_")).collect();
    labels.extend(["job", "instance"].map(str::to_owned));
    if metric.instrument == Instrument::Histogram {
        labels.insert("le".to_owned());
    }
    labels
}

/// The names of metrics in an expression, and where each ends.
fn series_in(expression: &str) -> Vec<(&str, usize)> {
    let starts = expression.match_indices("genesis_");
    let found = starts.filter(|(at, _)| {
        let before = expression[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '"'))
    });
    found
        .map(|(at, _)| {
            let rest = &expression[at..];
            let length = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            (&rest[..length], at + length)
        })
        .collect()
}

/// Checks an expression and gives the metrics in it.
fn check(expression: &str, legend: &str) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    let mut all_labels = BTreeSet::new();
    for (series, end) in series_in(expression) {
        let metric = metric_of(series);
        let labels = labels_of(metric);
        if let Some(selector) = expression[end..].strip_prefix('{') {
            let selector = selector.split('}').next().unwrap();
            for pair in selector.split(',') {
                let label = pair.split(['=', '!']).next().unwrap().trim();
                assert!(
                    labels.contains(label),
                    "{series} has no label {label}: {expression}"
                );
            }
        }
        all_labels.extend(labels);
        names.insert(metric.name);
    }
    for group in expression.split(" by (").skip(1) {
        for label in group.split(')').next().unwrap().split(',') {
            let label = label.trim();
            assert!(
                all_labels.contains(label),
                "nothing has the label {label}: {expression}"
            );
        }
    }
    for label in legend.split("{{").skip(1) {
        let label = label.split("}}").next().unwrap();
        assert!(
            all_labels.contains(label),
            "nothing has the label {label}: {legend}"
        );
        assert!(
            expression.contains(label),
            "{expression} does not keep {label}"
        );
    }
    names
}

#[test]
fn the_dashboard_shows_every_metric_and_none_that_there_is_not() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("genesis.json")).unwrap();
    let mut shown = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "an id occurs twice"
        );
        if panel["type"] == "row" {
            continue;
        }
        let title = panel["title"].as_str().unwrap();
        assert!(
            !panel["description"].as_str().unwrap().is_empty(),
            "{title}"
        );
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let expression = target["expr"].as_str().unwrap();
            let names = check(expression, target["legendFormat"].as_str().unwrap());
            assert!(
                !names.contains("genesis_channel_hangup_causes_total")
                    || expression.contains("error=\"\""),
                "{title} counts hangups that failed, which have an error"
            );
            assert!(!names.is_empty(), "{title}: {expression}");
            shown.extend(names);
        }
    }
    for metric in vocabulary::ALL {
        assert!(
            shown.contains(metric.name),
            "{} is on no panel",
            metric.name
        );
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(query) = variable["query"]["query"].as_str() {
            assert!(!check(query, "").is_empty(), "{query}");
        }
    }
}

/// The expressions of the rules: what follows `expr:`, on its line or indented below it.
fn expressions(rules: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = rules.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(expression) = line.trim_start().strip_prefix("expr:") else {
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let mut expression = expression.trim().trim_start_matches('|').to_owned();
        while let Some(more) = lines.next_if(|next| next.len() - next.trim_start().len() > indent) {
            expression.push(' ');
            expression.push_str(more.trim());
        }
        found.push(expression);
    }
    found
}

#[test]
fn the_alerts_ask_for_metrics_that_there_are() {
    let rules = read("alerts.yml");
    let found = expressions(&rules);
    assert_eq!(found.len(), rules.matches("- alert:").count());
    for expression in found {
        let names = check(&expression, "");
        assert!(
            !names.is_empty() || expression.starts_with("up{"),
            "{expression}"
        );
    }
}

#[test]
fn promtool_accepts_the_configuration_and_the_rules() {
    for arguments in [
        &["check", "config", "prometheus.yml"][..],
        &["check", "rules", "alerts.yml"],
        &["test", "rules", "alerts_test.yml"],
    ] {
        let done = Command::new("promtool")
            .args(arguments)
            .current_dir(folder())
            .output()
            .unwrap_or_else(|error| {
                panic!("promtool: {error}; run 'apt-get install prometheus' (scripts/test does)")
            });
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    }
}

#[test]
#[should_panic(expected = "has no label result")]
fn a_label_that_there_is_not_is_found() {
    check("sum(genesis_calls_active{result=\"x\"})", "");
}

#[test]
#[should_panic(expected = "there is no metric genesis_calls")]
fn a_metric_that_there_is_not_is_found() {
    check("rate(genesis_calls[5m])", "");
}

#[test]
#[should_panic(expected = "nothing has the label mode")]
fn a_grouping_by_nothing_is_found() {
    check("sum by (mode) (genesis_calls_active)", "");
}
