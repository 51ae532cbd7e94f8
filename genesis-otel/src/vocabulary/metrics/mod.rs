//! Every metric.
//!
//! The bounds on series add up to less than 2,000, whatever arrives.

mod events;
mod operations;

pub use events::*;
pub use operations::*;

use ::metrics::Unit;

use super::{Instrument, Metric};

const fn metric(name: &'static str, instrument: Instrument, description: &'static str) -> Metric {
    Metric {
        name,
        instrument,
        unit: None,
        description,
        labels: &[],
        when: &[],
        max_series: 1,
    }
}

const fn counter(name: &'static str, description: &'static str) -> Metric {
    metric(name, Instrument::Counter, description)
}

const fn gauge(name: &'static str, description: &'static str) -> Metric {
    metric(name, Instrument::Gauge, description)
}

const fn histogram(name: &'static str, description: &'static str) -> Metric {
    metric(name, Instrument::Histogram, description)
}

impl Metric {
    const fn seconds(mut self) -> Self {
        self.unit = Some(Unit::Seconds);
        self
    }

    const fn labels(mut self, labels: &'static [&'static str]) -> Self {
        self.labels = labels;
        self
    }

    const fn when(mut self, labels: &'static [&'static str]) -> Self {
        self.when = labels;
        self
    }

    const fn at_most(mut self, series: usize) -> Self {
        self.max_series = series;
        self
    }
}

/// The metric of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Metric> {
    ALL.iter().find(|metric| metric.name == name)
}

/// Every metric, in the order of the documentation.
pub const ALL: &[Metric] = &[
    COMMANDS_SENT_TOTAL,
    COMMANDS_DURATION_SECONDS,
    COMMANDS_ERRORS_TOTAL,
    EVENTS_RECEIVED_TOTAL,
    CONNECTIONS_ACTIVE,
    CONNECTIONS_ERRORS_TOTAL,
    CHANNEL_OPERATIONS_TOTAL,
    CHANNEL_OPERATION_DURATION_SECONDS,
    CHANNEL_HANGUP_CAUSES_TOTAL,
    CHANNEL_BRIDGE_OPERATIONS_TOTAL,
    CHANNEL_DTMF_RECEIVED_TOTAL,
    CALL_DURATION_SECONDS,
    RING_GROUP_OPERATIONS_TOTAL,
    RING_GROUP_OPERATION_DURATION_SECONDS,
    RING_GROUP_RESULTS_TOTAL,
    TIMEOUTS_TOTAL,
    EVENTS_WITHOUT_SIP_CALL_ID_TOTAL,
    CALLS_ACTIVE,
    CHANNEL_BRIDGE_EVENTS_TOTAL,
    CHANNEL_TRANSFERS_TOTAL,
    CHANNEL_CODEC_CHANGES_TOTAL,
    DIALPLAN_APPLICATIONS_TOTAL,
    CHANNEL_HANGUP_CAUSES_Q850_TOTAL,
    EVENT_PROCESSING_DURATION_SECONDS,
    SESSION_COMMANDS_TOTAL,
    SESSION_COMMAND_DURATION_SECONDS,
    CONSUMER_HANDLERS_TOTAL,
    LOADBALANCER_SELECTIONS_TOTAL,
    LOADBALANCER_ERRORS_TOTAL,
    QUEUE_OPERATIONS_TOTAL,
    QUEUE_WAIT_DURATION_SECONDS,
    COMMANDS_QUEUE_DEPTH,
    EVENTS_QUEUE_DEPTH,
    CHANNEL_ROUTING_HITS_TOTAL,
    CHANNEL_ROUTING_FALLBACK_TOTAL,
    EVENTS_LAGGED_TOTAL,
    EVENT_LAG_SECONDS,
    RECONNECTS_TOTAL,
    SESSIONS_REJECTED_TOTAL,
    HANDLER_FAILURES_TOTAL,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_add_up_to_less_than_two_thousand() {
        let sum: usize = ALL.iter().map(|metric| metric.max_series).sum();
        assert!(sum < 2_000, "{sum}");
        assert!(ALL.iter().all(|metric| metric.max_series > 0));
    }

    #[test]
    fn what_has_few_values_has_a_place_for_each() {
        let sets = super::super::values::Sets::new();
        for metric in ALL.iter().filter(|metric| metric.when.is_empty()) {
            let values = metric.labels.iter().map(|label| sets.of_label(label).len());
            let all: usize = values.product();
            let few = all <= 12;
            assert!(
                !few || metric.labels.is_empty() || metric.max_series > all,
                "{}",
                metric.name
            );
        }
    }

    #[test]
    fn lesson_45_what_is_measured_in_time_is_in_seconds() {
        for metric in ALL {
            let seconds = metric.name.ends_with("_seconds");
            assert_eq!(metric.unit.is_some(), seconds, "{}", metric.name);
            if metric.instrument == Instrument::Histogram {
                assert!(seconds, "{}", metric.name);
            }
        }
    }
}
