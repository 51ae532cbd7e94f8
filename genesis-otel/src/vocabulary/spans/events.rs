//! The spans that events of the switch become.

use super::{Span, span};

/// `freeswitch.channel`: the life of a channel. Only where it is asked for
/// ([`channel_spans`](crate::TelemetryBuilder::channel_spans)); so it is not among
/// [`ALL`](super::ALL).
pub const FREESWITCH_CHANNEL: Span = span(
    "freeswitch.channel",
    "genesis-otel",
    "The life of a channel, from its creation to its end",
)
.always(&["channel.uuid"])
.when(&[
    "sip.call_id",
    "channel.call_uuid",
    "channel.direction",
    "channel.name",
    "channel.destination_number",
    "channel.context",
    "channel.dialplan",
    "other_leg.uuid",
    "hangup.cause",
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
