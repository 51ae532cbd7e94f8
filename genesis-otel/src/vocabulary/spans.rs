//! Every span.

use super::{Kind, Span};

/// What every span of a channel's life carries beside its own attributes, once it is known. The
/// Call-ID is remembered per channel: CODEC events never have it, and CHANNEL_CREATE not always.
pub const OF_A_CHANNEL: &[&str] = &[
    "sip.call_id",
    "channel.call_uuid",
    "channel.direction",
    "other_leg.uuid",
];

/// What is sent beside the contract, on the spans that the name fits.
pub const ALSO: &[&str] = &[
    "server.address",
    "server.port",
    "client.address",
    "client.port",
    "network.transport",
    "network.protocol.name",
    "error.type",
    "exception.type",
    "exception.message",
];

const fn span(name: &'static str, component: &'static str, description: &'static str) -> Span {
    Span {
        name,
        kind: Kind::Internal,
        component,
        description,
        always: &[],
        when: &[],
        events: &[],
        from: &[],
        parent: None,
    }
}

impl Span {
    const fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    const fn always(mut self, attributes: &'static [&'static str]) -> Self {
        self.always = attributes;
        self
    }

    const fn when(mut self, attributes: &'static [&'static str]) -> Self {
        self.when = attributes;
        self
    }

    const fn events(mut self, events: &'static [&'static str]) -> Self {
        self.events = events;
        self
    }

    const fn from(mut self, names: &'static [&'static str]) -> Self {
        self.from = names;
        self
    }

    const fn parent(mut self, parent: &'static str) -> Self {
        self.parent = Some(parent);
        self
    }
}

/// The span of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Span> {
    ALL.iter().find(|span| span.name == name)
}

/// The span that the ESL event of this `Event-Name`, or this subclass of CUSTOM, becomes.
#[must_use]
pub fn from_event(name: &str) -> Option<&'static Span> {
    ALL.iter().find(|span| span.from.contains(&name))
}

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

/// `channel.dtmf.received`: dTMF digit received.
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

/// `freeswitch.channel.create`: a new channel was created.
pub const FREESWITCH_CHANNEL_CREATE: Span = span(
    "freeswitch.channel.create",
    "genesis-otel",
    "A new channel was created",
)
.always(&[
    "channel.uuid",
    "channel.call_uuid",
    "channel.direction",
    "channel.destination_number",
    "channel.context",
])
.when(&[
    "sip.call_id",
    "channel.name",
    "channel.dialplan",
    "other_leg.uuid",
])
.from(&["CHANNEL_CREATE"]);

/// `freeswitch.channel.progress`: the call is progressing.
pub const FREESWITCH_CHANNEL_PROGRESS: Span = span(
    "freeswitch.channel.progress",
    "genesis-otel",
    "The call is progressing",
)
.always(&["channel.uuid", "channel.state", "answer.state"])
.when(&["sip.call_id", "channel.read_codec", "channel.write_codec"])
.from(&["CHANNEL_PROGRESS"]);

/// `freeswitch.channel.progress_media`: early media is flowing.
pub const FREESWITCH_CHANNEL_PROGRESS_MEDIA: Span = span(
    "freeswitch.channel.progress_media",
    "genesis-otel",
    "Early media is flowing",
)
.always(&["channel.uuid", "channel.state", "answer.state"])
.when(&["sip.call_id", "channel.read_codec", "channel.write_codec"])
.from(&["CHANNEL_PROGRESS_MEDIA"]);

/// `freeswitch.channel.answer`: the call was answered.
pub const FREESWITCH_CHANNEL_ANSWER: Span = span(
    "freeswitch.channel.answer",
    "genesis-otel",
    "The call was answered",
)
.always(&["channel.uuid", "channel.state", "answer.state"])
.when(&["sip.call_id", "channel.read_codec", "channel.write_codec"])
.from(&["CHANNEL_ANSWER"]);

/// `freeswitch.channel.bridge`: two channels were bridged together.
pub const FREESWITCH_CHANNEL_BRIDGE: Span = span(
    "freeswitch.channel.bridge",
    "genesis-otel",
    "Two channels were bridged together",
)
.always(&["channel.uuid", "bridge.a_uuid", "bridge.b_uuid"])
.when(&["sip.call_id", "other_leg.*"])
.events(&["bridge.established"])
.from(&["CHANNEL_BRIDGE"]);

/// `freeswitch.channel.unbridge`: the bridge between two channels was torn down.
pub const FREESWITCH_CHANNEL_UNBRIDGE: Span = span(
    "freeswitch.channel.unbridge",
    "genesis-otel",
    "The bridge between two channels was torn down",
)
.always(&["channel.uuid", "bridge.a_uuid", "bridge.b_uuid"])
.when(&["sip.call_id", "hangup.cause"])
.events(&["bridge.torn_down"])
.from(&["CHANNEL_UNBRIDGE"]);

/// `freeswitch.channel.hangup`: the channel is hanging up.
pub const FREESWITCH_CHANNEL_HANGUP: Span = span(
    "freeswitch.channel.hangup",
    "genesis-otel",
    "The channel is hanging up",
)
.always(&["channel.uuid", "hangup.cause", "channel.state"])
.when(&["sip.call_id"])
.events(&["hangup.cause.<normalized>"])
.from(&["CHANNEL_HANGUP"]);

/// `freeswitch.channel.hangup_complete`: hangup is complete and the call is finalized.
pub const FREESWITCH_CHANNEL_HANGUP_COMPLETE: Span = span(
    "freeswitch.channel.hangup_complete",
    "genesis-otel",
    "Hangup is complete and the call is finalized",
)
.always(&["channel.uuid", "hangup.cause", "hangup.cause.q850"])
.when(&["sip.call_id"])
.events(&["call.finalized"])
.from(&["CHANNEL_HANGUP_COMPLETE"]);

/// `freeswitch.channel.destroy`: the channel was destroyed.
pub const FREESWITCH_CHANNEL_DESTROY: Span = span(
    "freeswitch.channel.destroy",
    "genesis-otel",
    "The channel was destroyed",
)
.always(&["channel.uuid"])
.when(&["sip.call_id"])
.from(&["CHANNEL_DESTROY"]);

/// `freeswitch.channel.execute`: a dialplan application started executing.
pub const FREESWITCH_CHANNEL_EXECUTE: Span = span(
    "freeswitch.channel.execute",
    "genesis-otel",
    "A dialplan application started executing",
)
.always(&["channel.uuid", "application.name"])
.when(&["sip.call_id", "application.uuid", "application.data"])
.from(&["CHANNEL_EXECUTE"]);

/// `freeswitch.channel.execute_complete`: a dialplan application finished executing.
pub const FREESWITCH_CHANNEL_EXECUTE_COMPLETE: Span = span(
    "freeswitch.channel.execute_complete",
    "genesis-otel",
    "A dialplan application finished executing",
)
.always(&["channel.uuid", "application.name", "application.uuid"])
.when(&["sip.call_id", "application.response"])
.events(&["app.<name>.done"])
.from(&["CHANNEL_EXECUTE_COMPLETE"]);

/// `freeswitch.channel.codec`: the channel negotiated (or renegotiated) its codecs.
pub const FREESWITCH_CHANNEL_CODEC: Span = span(
    "freeswitch.channel.codec",
    "genesis-otel",
    "The channel negotiated (or renegotiated) its codecs",
)
.always(&["channel.uuid"])
.when(&[
    "sip.call_id",
    "channel.read_codec.*",
    "channel.write_codec.*",
])
.from(&["CODEC"]);

/// `freeswitch.call.update`: the caller ID or bridged state changed.
pub const FREESWITCH_CALL_UPDATE: Span = span(
    "freeswitch.call.update",
    "genesis-otel",
    "The caller ID or bridged state changed",
)
.always(&["channel.uuid"])
.when(&["sip.call_id", "bridged.to", "caller.transfer_source"])
.events(&["caller_id.mutated"])
.from(&["CALL_UPDATE"]);

/// `freeswitch.channel.park`: the channel was parked.
pub const FREESWITCH_CHANNEL_PARK: Span = span(
    "freeswitch.channel.park",
    "genesis-otel",
    "The channel was parked",
)
.always(&["channel.uuid", "channel.state"])
.when(&["sip.call_id"])
.from(&["CHANNEL_PARK"]);

/// `freeswitch.channel.unpark`: the channel left park.
pub const FREESWITCH_CHANNEL_UNPARK: Span = span(
    "freeswitch.channel.unpark",
    "genesis-otel",
    "The channel left park",
)
.always(&["channel.uuid", "channel.state"])
.when(&["sip.call_id"])
.from(&["CHANNEL_UNPARK"]);

/// `freeswitch.sofia.transfer`: a call transfer was observed.
pub const FREESWITCH_SOFIA_TRANSFER: Span = span(
    "freeswitch.sofia.transfer",
    "genesis-otel",
    "A call transfer was observed",
)
.always(&["transfer.role", "transfer.type", "channel.uuid"])
.when(&["sip.call_id", "sofia.profile"])
.events(&["transfer.initiated"])
.from(&["sofia::transferor", "sofia::transferee"]);

/// `freeswitch.sofia.register`: a SIP registration was observed.
pub const FREESWITCH_SOFIA_REGISTER: Span = span(
    "freeswitch.sofia.register",
    "genesis-otel",
    "A SIP registration was observed",
)
.always(&["register.action"])
.when(&[
    "register.aor",
    "gateway.name",
    "gateway.state",
    "sofia.profile",
])
.from(&[
    "sofia::register",
    "sofia::unregister",
    "sofia::expire",
    "sofia::gateway_state",
]);

/// `freeswitch.sofia.reinvite`: a SIP reinvite was observed.
pub const FREESWITCH_SOFIA_REINVITE: Span = span(
    "freeswitch.sofia.reinvite",
    "genesis-otel",
    "A SIP reinvite was observed",
)
.always(&["channel.uuid"])
.when(&["sofia.profile"])
.events(&["media.renegotiated"])
.from(&["sofia::reinvite"]);

/// `freeswitch.sofia.replaced`: a SIP replace was observed.
pub const FREESWITCH_SOFIA_REPLACED: Span = span(
    "freeswitch.sofia.replaced",
    "genesis-otel",
    "A SIP replace was observed",
)
.always(&["channel.uuid"])
.when(&["sip.call_id", "sofia.profile"])
.events(&["media.renegotiated"])
.from(&["sofia::replaced"]);

/// `freeswitch.callcenter.info`: a callcenter queue event.
pub const FREESWITCH_CALLCENTER_INFO: Span = span(
    "freeswitch.callcenter.info",
    "genesis-otel",
    "A callcenter queue event",
)
.always(&["cc.action"])
.when(&[
    "cc.queue",
    "cc.agent",
    "cc.member_uuid",
    "cc.count",
    "cc.selection",
])
.from(&["callcenter::info"]);

/// `freeswitch.conference.maintenance`: a conference maintenance event.
pub const FREESWITCH_CONFERENCE_MAINTENANCE: Span = span(
    "freeswitch.conference.maintenance",
    "genesis-otel",
    "A conference maintenance event",
)
.always(&["conference.name", "conference.action"])
.when(&["conference.profile", "conference.member_id"])
.from(&["conference::maintenance"]);

/// `freeswitch.conference.cdr`: a conference CDR event.
pub const FREESWITCH_CONFERENCE_CDR: Span = span(
    "freeswitch.conference.cdr",
    "genesis-otel",
    "A conference CDR event",
)
.when(&["conference.name", "conference.profile"])
.from(&["conference::cdr"]);

/// `freeswitch.valet.info`: a valet parking event.
pub const FREESWITCH_VALET_INFO: Span = span(
    "freeswitch.valet.info",
    "genesis-otel",
    "A valet parking event",
)
.always(&["valet.lot", "valet.extension", "valet.action"])
.when(&["channel.uuid", "bridge.to_uuid"])
.from(&["valet_parking::info"]);

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

/// Every span, in the order of the documentation.
pub const ALL: &[Span] = &[
    INBOUND_CONNECT,
    OUTBOUND_HANDLE_CONNECTION,
    SEND_COMMAND,
    PROCESS_EVENT,
    CHANNEL_CREATE,
    CHANNEL_ANSWER,
    CHANNEL_HANGUP,
    CHANNEL_BRIDGE,
    CHANNEL_PLAYBACK,
    CHANNEL_SAY,
    CHANNEL_PLAY_AND_GET_DIGITS,
    CHANNEL_PARK,
    CHANNEL_WAIT,
    CHANNEL_DTMF_RECEIVED,
    RING_GROUP_RING,
    FREESWITCH_CHANNEL_CREATE,
    FREESWITCH_CHANNEL_PROGRESS,
    FREESWITCH_CHANNEL_PROGRESS_MEDIA,
    FREESWITCH_CHANNEL_ANSWER,
    FREESWITCH_CHANNEL_BRIDGE,
    FREESWITCH_CHANNEL_UNBRIDGE,
    FREESWITCH_CHANNEL_HANGUP,
    FREESWITCH_CHANNEL_HANGUP_COMPLETE,
    FREESWITCH_CHANNEL_DESTROY,
    FREESWITCH_CHANNEL_EXECUTE,
    FREESWITCH_CHANNEL_EXECUTE_COMPLETE,
    FREESWITCH_CHANNEL_CODEC,
    FREESWITCH_CALL_UPDATE,
    FREESWITCH_CHANNEL_PARK,
    FREESWITCH_CHANNEL_UNPARK,
    FREESWITCH_SOFIA_TRANSFER,
    FREESWITCH_SOFIA_REGISTER,
    FREESWITCH_SOFIA_REINVITE,
    FREESWITCH_SOFIA_REPLACED,
    FREESWITCH_CALLCENTER_INFO,
    FREESWITCH_CONFERENCE_MAINTENANCE,
    FREESWITCH_CONFERENCE_CDR,
    FREESWITCH_VALET_INFO,
    SESSION_SENDMSG,
    SESSION_AWAIT_COMPLETE,
    CONSUMER_START,
    CONSUMER_STOP,
    QUEUE_WAIT_AND_ACQUIRE,
];
