//! The metrics that events of the switch feed, and those who handle them.

use super::super::Metric;
use super::{counter, gauge, histogram};

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

/// `genesis_channel_hangup_causes_total`.
pub const CHANNEL_HANGUP_CAUSES_TOTAL: Metric =
    counter("genesis_channel_hangup_causes_total", "Hangup causes")
        .labels(&["hangup.cause"])
        .when(&["error"])
        .at_most(90);

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

/// `genesis_consumer_handlers_total`.
pub const CONSUMER_HANDLERS_TOTAL: Metric = counter(
    "genesis_consumer_handlers_total",
    "How many times a consumer handler was invoked",
)
.labels(&["event.name"])
.at_most(60);

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

/// `genesis_handler_failures_total`.
pub const HANDLER_FAILURES_TOTAL: Metric = counter(
    "genesis_handler_failures_total",
    "Handlers that returned an error, panicked or ran past their time",
)
.labels(&["event.name", "error"])
.at_most(60);
