//! The metrics of what is done.

use super::super::Metric;
use super::{counter, gauge, histogram};

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
.at_most(150);

/// `genesis_channel_operation_duration_seconds`.
pub const CHANNEL_OPERATION_DURATION_SECONDS: Metric = histogram(
    "genesis_channel_operation_duration_seconds",
    "Duration of channel operations",
)
.seconds()
.labels(&["operation"])
.at_most(30);

/// `genesis_channel_bridge_operations_total`.
pub const CHANNEL_BRIDGE_OPERATIONS_TOTAL: Metric = counter(
    "genesis_channel_bridge_operations_total",
    "Bridge operations",
)
.labels(&["success"])
.when(&["error"])
.at_most(24);

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
