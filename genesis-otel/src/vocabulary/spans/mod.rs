//! Every span.

mod events;
mod operations;

pub use events::*;
pub use operations::*;

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
    "exception.stacktrace",
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
