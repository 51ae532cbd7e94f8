//! The spans of what is done.

use super::super::Kind;
use super::{Span, span};

/// What applications name themselves. It stands in no table: there is no end to such names.
pub(crate) const OF_THE_APPLICATION: Span = span("", "", "");

/// `inbound_connect`: connection to FreeSWITCH.
pub const INBOUND_CONNECT: Span = span(
    "inbound_connect",
    "genesis-client",
    "Connection to FreeSWITCH",
)
.kind(Kind::Client)
.always(&["net.peer.name", "net.peer.port"]);

/// `outbound_handle_connection`: handling incoming calls.
pub const OUTBOUND_HANDLE_CONNECTION: Span = span(
    "outbound_handle_connection",
    "genesis-client",
    "Handling incoming calls",
)
.kind(Kind::Server)
.always(&["net.peer.name", "net.peer.port"]);

/// `send_command`: sending ESL commands.
pub const SEND_COMMAND: Span = span("send_command", "genesis-client", "Sending ESL commands")
    .kind(Kind::Client)
    .always(&["command.name", "command.reply"]);

/// `process_event`: processing received events.
pub const PROCESS_EVENT: Span = span("process_event", "genesis-client", "Processing received events; every header is flattened to event.header.<snake_case_name>, e.g. Event-Subclass -> event.header.event_subclass").kind(Kind::Consumer).always(&["event.name", "event.header.*"]).when(&["event.uuid"]);

/// `channel.create`: creating a new channel.
pub const CHANNEL_CREATE: Span = span(
    "channel.create",
    "genesis-channel",
    "Creating a new channel",
)
.always(&["channel.dial_path", "channel.uuid", "channel.has_variables"]);

/// `channel.answer`: answering a call.
pub const CHANNEL_ANSWER: Span = span("channel.answer", "genesis-channel", "Answering a call")
    .always(&[
        "channel.uuid",
        "channel.state",
        "channel.answer.success",
        "channel.answer.duration",
    ]);

/// `channel.hangup`: hanging up a call.
pub const CHANNEL_HANGUP: Span = span("channel.hangup", "genesis-channel", "Hanging up a call")
    .always(&["channel.uuid", "channel.state", "hangup.cause"])
    .when(&["call.duration"]);

/// `channel.bridge`: bridging two channels.
pub const CHANNEL_BRIDGE: Span = span("channel.bridge", "genesis-channel", "Bridging two channels")
    .always(&[
        "channel.uuid",
        "channel.other_uuid",
        "channel.state",
        "channel.bridge.success",
    ]);

/// `channel.playback`: playing audio file.
pub const CHANNEL_PLAYBACK: Span =
    span("channel.playback", "genesis-channel", "Playing audio file").always(&[
        "channel.uuid",
        "playback.path",
        "playback.block",
    ]);

/// `channel.say`: text-to-speech.
pub const CHANNEL_SAY: Span = span("channel.say", "genesis-channel", "Text-to-speech").always(&[
    "channel.uuid",
    "say.module",
    "say.kind",
    "say.method",
]);

/// `channel.play_and_get_digits`: playing and collecting digits.
pub const CHANNEL_PLAY_AND_GET_DIGITS: Span = span(
    "channel.play_and_get_digits",
    "genesis-channel",
    "Playing and collecting digits",
)
.always(&[
    "channel.uuid",
    "play_and_get_digits.file",
    "play_and_get_digits.tries",
]);

/// `channel.park`: parking a channel.
pub const CHANNEL_PARK: Span = span("channel.park", "genesis-channel", "Parking a channel")
    .always(&["channel.uuid", "channel.state"]);

/// `channel.wait`: waiting for state/event.
pub const CHANNEL_WAIT: Span = span("channel.wait", "genesis-channel", "Waiting for state/event")
    .always(&[
        "channel.uuid",
        "wait.target",
        "wait.timeout",
        "wait.type",
        "wait.result",
    ]);

/// `channel.dtmf.received`: a DTMF digit was received.
pub const CHANNEL_DTMF_RECEIVED: Span = span(
    "channel.dtmf.received",
    "genesis-channel",
    "DTMF digit received",
)
.always(&["channel.uuid", "dtmf.digit", "dtmf.handled"]);

/// `ring_group.ring`: ringing a group of destinations.
pub const RING_GROUP_RING: Span = span(
    "ring_group.ring",
    "genesis-ringgroup",
    "Ringing a group of destinations",
)
.always(&[
    "ring_group.mode",
    "ring_group.size",
    "ring_group.timeout",
    "ring_group.has_balancer",
    "ring_group.has_variables",
    "ring_group.result",
    "ring_group.duration",
])
.when(&[
    "ring_group.balanced",
    "ring_group.answered_uuid",
    "ring_group.answered_dial_path",
    "ring_group.error",
]);

/// `session.sendmsg`: a sendmsg command was sent through a session.
pub const SESSION_SENDMSG: Span = span(
    "session.sendmsg",
    "genesis-client",
    "A sendmsg command was sent through a session",
)
.always(&[
    "channel.uuid",
    "application.name",
    "application.uuid",
    "application.block",
]);

/// `session.await_complete`: waits for a blocking sendmsg to complete (child of session.sendmsg when block=True).
pub const SESSION_AWAIT_COMPLETE: Span = span(
    "session.await_complete",
    "genesis-client",
    "Waits for a blocking sendmsg to complete (child of session.sendmsg when block=True)",
)
.always(&["channel.uuid", "application.uuid"])
.parent("session.sendmsg");

/// `consumer.start`: the consumer subscribed to events.
pub const CONSUMER_START: Span = span(
    "consumer.start",
    "genesis-client",
    "The consumer subscribed to events",
)
.always(&["consumer.host", "consumer.port"]);

/// `consumer.stop`: the consumer stopped.
pub const CONSUMER_STOP: Span = span("consumer.stop", "genesis-client", "The consumer stopped")
    .always(&["consumer.host", "consumer.port"]);

/// `queue.wait_and_acquire`: waiting to acquire an item from the queue.
pub const QUEUE_WAIT_AND_ACQUIRE: Span = span(
    "queue.wait_and_acquire",
    "genesis-ringgroup",
    "Waiting to acquire an item from the queue",
)
.always(&["queue.id", "queue.item_id", "queue.depth"]);
