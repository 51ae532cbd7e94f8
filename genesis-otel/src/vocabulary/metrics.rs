//! Every metric.
//!
//! The bounds on series add up to less than 2,000, whatever arrives.

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

/// `genesis_commands_sent_total`.
pub const COMMANDS_SENT_TOTAL: Metric =
    counter("genesis_commands_sent_total", "Number of ESL commands sent")
        .labels(&["command"])
        .at_most(24);

/// `genesis_commands_duration_seconds`.
pub const COMMANDS_DURATION_SECONDS: Metric = histogram(
    "genesis_commands_duration_seconds",
    "Command execution duration (RTT)",
)
.seconds()
.labels(&["command"])
.at_most(24);

/// `genesis_commands_errors_total`.
pub const COMMANDS_ERRORS_TOTAL: Metric = counter(
    "genesis_commands_errors_total",
    "Number of failed ESL commands",
)
.labels(&["command", "error"])
.at_most(60);

/// `genesis_events_received_total`.
pub const EVENTS_RECEIVED_TOTAL: Metric = counter(
    "genesis_events_received_total",
    "Number of ESL events received",
)
.labels(&["event_name"])
.when(&[
    "event_subclass",
    "direction",
    "channel_state",
    "answer_state",
    "hangup_cause",
])
.at_most(500);

/// `genesis_connections_active`.
pub const CONNECTIONS_ACTIVE: Metric =
    gauge("genesis_connections_active", "Number of active connections")
        .labels(&["type"])
        .at_most(3);

/// `genesis_connections_errors_total`.
pub const CONNECTIONS_ERRORS_TOTAL: Metric = counter(
    "genesis_connections_errors_total",
    "Number of connection errors",
)
.labels(&["type", "error"])
.at_most(30);

/// `genesis_channel_operations_total`.
pub const CHANNEL_OPERATIONS_TOTAL: Metric = counter(
    "genesis_channel_operations_total",
    "Number of channel operations",
)
.labels(&["operation", "success"])
.when(&["error"])
.at_most(90);

/// `genesis_channel_operation_duration_seconds`.
pub const CHANNEL_OPERATION_DURATION_SECONDS: Metric = histogram(
    "genesis_channel_operation_duration_seconds",
    "Duration of channel operations",
)
.seconds()
.labels(&["operation"])
.at_most(30);

/// `genesis_channel_hangup_causes_total`.
pub const CHANNEL_HANGUP_CAUSES_TOTAL: Metric =
    counter("genesis_channel_hangup_causes_total", "Hangup causes")
        .labels(&["hangup.cause"])
        .when(&["error"])
        .at_most(90);

/// `genesis_channel_bridge_operations_total`.
pub const CHANNEL_BRIDGE_OPERATIONS_TOTAL: Metric = counter(
    "genesis_channel_bridge_operations_total",
    "Bridge operations",
)
.labels(&["success"])
.when(&["error"])
.at_most(24);

/// `genesis_channel_dtmf_received_total`.
pub const CHANNEL_DTMF_RECEIVED_TOTAL: Metric = counter(
    "genesis_channel_dtmf_received_total",
    "DTMF digits received",
)
.labels(&["dtmf.digit"])
.at_most(20);

/// `genesis_call_duration_seconds`.
pub const CALL_DURATION_SECONDS: Metric = histogram(
    "genesis_call_duration_seconds",
    "Total call duration from creation to hangup",
)
.seconds()
.at_most(1);

/// `genesis_ring_group_operations_total`.
pub const RING_GROUP_OPERATIONS_TOTAL: Metric = counter(
    "genesis_ring_group_operations_total",
    "Number of ring group operations",
)
.labels(&["mode", "has_balancer"])
.at_most(16);

/// `genesis_ring_group_operation_duration_seconds`.
pub const RING_GROUP_OPERATION_DURATION_SECONDS: Metric = histogram(
    "genesis_ring_group_operation_duration_seconds",
    "Duration of ring group operations",
)
.seconds()
.labels(&["mode", "has_balancer"])
.at_most(16);

/// `genesis_ring_group_results_total`.
pub const RING_GROUP_RESULTS_TOTAL: Metric = counter(
    "genesis_ring_group_results_total",
    "Ring group operation results",
)
.labels(&["mode", "result", "has_balancer"])
.when(&["error"])
.at_most(40);

/// `genesis_timeouts_total`.
pub const TIMEOUTS_TOTAL: Metric = counter("genesis_timeouts_total", "Number of timeouts")
    .labels(&["timeout.type", "timeout.operation", "timeout.duration"])
    .at_most(60);

/// `genesis_events_without_sip_call_id_total`.
pub const EVENTS_WITHOUT_SIP_CALL_ID_TOTAL: Metric = counter(
    "genesis_events_without_sip_call_id_total",
    "Channel events that arrived without the correlation key",
)
.at_most(1);

/// `genesis_calls_active`.
pub const CALLS_ACTIVE: Metric = gauge(
    "genesis_calls_active",
    "Calls currently active, by direction",
)
.labels(&["direction"])
.at_most(4);

/// `genesis_channel_bridge_events_total`.
pub const CHANNEL_BRIDGE_EVENTS_TOTAL: Metric = counter(
    "genesis_channel_bridge_events_total",
    "Bridges established and torn down, from CHANNEL_BRIDGE and CHANNEL_UNBRIDGE",
)
.labels(&["bridge.result"])
.when(&["hangup.cause"])
.at_most(60);

/// `genesis_channel_transfers_total`.
pub const CHANNEL_TRANSFERS_TOTAL: Metric = counter(
    "genesis_channel_transfers_total",
    "Call transfers observed through sofia::transferor and sofia::transferee",
)
.labels(&["transfer.type", "transfer.role"])
.at_most(6);

/// `genesis_channel_codec_changes_total`.
pub const CHANNEL_CODEC_CHANGES_TOTAL: Metric = counter(
    "genesis_channel_codec_changes_total",
    "Codec renegotiations observed through CODEC events",
)
.labels(&["channel.read_codec", "channel.write_codec"])
.at_most(60);

/// `genesis_dialplan_applications_total`.
pub const DIALPLAN_APPLICATIONS_TOTAL: Metric = counter(
    "genesis_dialplan_applications_total",
    "Dialplan applications executed",
)
.labels(&["application.name", "application.result"])
.at_most(200);

/// `genesis_channel_hangup_causes_q850_total`.
pub const CHANNEL_HANGUP_CAUSES_Q850_TOTAL: Metric = counter(
    "genesis_channel_hangup_causes_q850_total",
    "Hangup causes grouped by Q.850 code",
)
.labels(&["hangup.cause.q850"])
.at_most(60);

/// `genesis_event_processing_duration_seconds`.
pub const EVENT_PROCESSING_DURATION_SECONDS: Metric = histogram(
    "genesis_event_processing_duration_seconds",
    "How long it takes to dispatch one event to its handlers",
)
.seconds()
.labels(&["event.name"])
.at_most(60);

/// `genesis_session_commands_total`.
pub const SESSION_COMMANDS_TOTAL: Metric = counter(
    "genesis_session_commands_total",
    "sendmsg commands sent through a session",
)
.labels(&["application.name"])
.at_most(60);

/// `genesis_session_command_duration_seconds`.
pub const SESSION_COMMAND_DURATION_SECONDS: Metric = histogram(
    "genesis_session_command_duration_seconds",
    "How long a session sendmsg command takes to complete",
)
.seconds()
.labels(&["application.name"])
.at_most(60);

/// `genesis_consumer_handlers_total`.
pub const CONSUMER_HANDLERS_TOTAL: Metric = counter(
    "genesis_consumer_handlers_total",
    "How many times a consumer handler was invoked",
)
.labels(&["event.name"])
.at_most(60);

/// `genesis_loadbalancer_selections_total`.
pub const LOADBALANCER_SELECTIONS_TOTAL: Metric = counter(
    "genesis_loadbalancer_selections_total",
    "Destinations picked by the load balancer",
)
.labels(&["loadbalancer.backend", "loadbalancer.result"])
.at_most(10);

/// `genesis_loadbalancer_errors_total`.
pub const LOADBALANCER_ERRORS_TOTAL: Metric = counter(
    "genesis_loadbalancer_errors_total",
    "Errors raised while selecting a destination",
)
.labels(&["loadbalancer.backend", "error"])
.at_most(20);

/// `genesis_queue_operations_total`.
pub const QUEUE_OPERATIONS_TOTAL: Metric = counter(
    "genesis_queue_operations_total",
    "Queue slot acquire/release operations",
)
.labels(&["op"])
.at_most(4);

/// `genesis_queue_wait_duration_seconds`.
pub const QUEUE_WAIT_DURATION_SECONDS: Metric = histogram(
    "genesis_queue_wait_duration_seconds",
    "Time spent waiting for a slot",
)
.seconds()
.at_most(1);

/// `genesis_commands_queue_depth`.
pub const COMMANDS_QUEUE_DEPTH: Metric = gauge(
    "genesis_commands_queue_depth",
    "Command replies still pending",
)
.at_most(1);

/// `genesis_events_queue_depth`.
pub const EVENTS_QUEUE_DEPTH: Metric = gauge(
    "genesis_events_queue_depth",
    "Events waiting to be processed",
)
.at_most(1);

/// `genesis_channel_routing_hits_total`.
pub const CHANNEL_ROUTING_HITS_TOTAL: Metric = counter(
    "genesis_channel_routing_hits_total",
    "Events routed by channel UUID",
)
.labels(&["event_name"])
.at_most(60);

/// `genesis_channel_routing_fallback_total`.
pub const CHANNEL_ROUTING_FALLBACK_TOTAL: Metric = counter(
    "genesis_channel_routing_fallback_total",
    "Events routed by name only",
)
.labels(&["event_name"])
.at_most(60);

/// `genesis_events_lagged_total`.
pub const EVENTS_LAGGED_TOTAL: Metric = counter(
    "genesis_events_lagged_total",
    "Events that a subscriber missed because its queue was full",
)
.at_most(1);

/// `genesis_event_lag_seconds`.
pub const EVENT_LAG_SECONDS: Metric = gauge(
    "genesis_event_lag_seconds",
    "Age of the newest event when it was read (Event-Date-Timestamp, corrected for clock skew)",
)
.seconds()
.at_most(1);

/// `genesis_reconnects_total`.
pub const RECONNECTS_TOTAL: Metric = counter(
    "genesis_reconnects_total",
    "Reconnections, by how they ended",
)
.labels(&["result"])
.at_most(9);

/// `genesis_sessions_rejected_total`.
pub const SESSIONS_REJECTED_TOTAL: Metric = counter(
    "genesis_sessions_rejected_total",
    "Outbound sessions not admitted",
)
.labels(&["error"])
.at_most(4);

/// `genesis_handler_failures_total`.
pub const HANDLER_FAILURES_TOTAL: Metric = counter(
    "genesis_handler_failures_total",
    "Handlers that returned an error, panicked or ran past their time",
)
.labels(&["event.name", "error"])
.at_most(60);

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
