//! Series are bounded, whatever arrives.

use genesis_proto::Command;

use super::*;
use crate::vocabulary::{Instrument, metrics, operations, spans, values};

/// The same numbers every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn one_of<'a>(&mut self, values: &[&'a str]) -> &'a str {
        values[self.next() as usize % values.len()]
    }

    /// A value that is known somewhere, or one that nobody knows.
    fn value(&mut self) -> String {
        let known = [
            values::APPLICATIONS,
            values::COMMANDS,
            values::ERRORS,
            values::OPERATIONS,
            values::DURATIONS,
            values::RESULTS,
            values::RING_MODES,
            values::BOOLS,
            values::DIGITS,
            values::BACKENDS,
            values::CONNECTION_TYPES,
            &["CHANNEL_CREATE", "CUSTOM", "HEARTBEAT"],
        ];
        let list = known[self.next() as usize % known.len()];
        match self.next() % 3 {
            0 => format!("hostile-{}", self.next()),
            _ => self.one_of(list).to_owned(),
        }
    }
}

#[test]
fn lesson_44_a_hundred_thousand_hostile_values_in_every_label_make_few_series() {
    let watch = Watch::with(|builder| builder.exclude_events(["*"]).exclude_commands(["*"]));
    let connections = [
        watch.connection(),
        watch.connection(),
        Connection::outbound(&watch.telemetry, None),
        Connection::none(&watch.telemetry),
    ];
    let mut random = Random(7);
    let counters: Vec<_> = metrics::ALL
        .iter()
        .filter(|metric| metric.instrument == Instrument::Counter)
        .collect();
    let kinds = values::ERRORS;
    for round in 0..100_000_u32 {
        let connection = &connections[round as usize % connections.len()];
        for metric in &counters {
            let labels: Vec<_> = metric
                .labels
                .iter()
                .chain(metric.when)
                .map(|label| (*label, random.value()))
                .collect();
            let labels: Vec<_> = labels.iter().map(|(l, v)| (*l, v.as_str())).collect();
            // every fourth round is enough for all of them together
            if round % 4 == 0 {
                connection.count(metric.name, &labels, 1);
            }
        }
        let limit = Duration::from_secs(random.next() % 1_000);
        let text = random.value();
        let mut operation = match round % 2 {
            0 => {
                let Ok(command) = Command::raw(&text) else {
                    continue;
                };
                connection.command(&command, limit)
            }
            _ => {
                let all = operations::ALL;
                let at = random.next() as usize % all.len();
                connection.operation(all[at].name, Some(limit))
            }
        };
        let feeds = operation
            .under
            .as_ref()
            .map_or(&[][..], |under| under.feeds);
        for feed in feeds {
            for label in feed.metric.labels {
                operation.label(label, &random.value());
            }
        }
        match random.next() % 3 {
            0 => operation.succeeded(),
            1 => operation.failed(random.one_of(kinds), &"no"),
            _ => drop(operation),
        }
        let mut level =
            connection.level("genesis_connections_active", &[("type", &random.value())]);
        level.set(1);
    }
    let metrics = watch.metrics();
    assert!(
        metrics.len() > 300 && metrics.len() <= 2_000,
        "{}",
        metrics.len()
    );
    for series in &metrics {
        let most = metrics::named(&series.name).unwrap().max_series;
        let of_name = metrics.iter().filter(|other| other.name == series.name);
        assert!(of_name.count() <= most, "{}", series.name);
        for value in series.labels.values() {
            assert!(!value.contains("hostile"), "{series:?}");
        }
    }
    let depth = value(&metrics, "genesis_commands_queue_depth", &[]);
    assert_eq!(depth, 0.0, "what began has ended");
}

#[test]
fn every_metric_is_fed_by_somebody() {
    let fed_by_operations = operations::ALL
        .iter()
        .flat_map(|operation| operation.feeds)
        .map(|feed| feed.metric.name);
    let fed: std::collections::BTreeSet<&str> = fed_by_operations.collect();
    assert!(fed.len() >= 17, "{fed:?}");
    for operation in operations::ALL {
        let span = spans::named(operation.name).map(|span| span.name);
        assert_eq!(operation.span.map(|span| span.name), span);
    }
}
