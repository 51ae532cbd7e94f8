//! What a frame is.

use crate::name::EventFormat;

/// The kind of a frame, from its `Content-Type` (mod_event_socket.c sends nothing else).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameKind {
    /// `auth/request`: the switch asks an inbound client for its password.
    AuthRequest,
    /// `command/reply`: the answer to a command; also to an `api` that was refused.
    CommandReply,
    /// `api/response`: the output of an `api`.
    ApiResponse,
    /// `text/event-plain`, `text/event-json`, `text/event-xml`.
    Event(EventFormat),
    /// `log/data`: one line of the switch's log, text in the body.
    LogData,
    /// `text/disconnect-notice`: the switch closes the connection, or lingers.
    DisconnectNotice,
    /// `text/rude-rejection`: the access list does not allow this address.
    RudeRejection,
    /// A content type that FreeSWITCH 1.11 does not send.
    Unknown,
    /// No `Content-Type` at all: what is left of a reply that broke its own framing.
    Untyped,
}

impl FrameKind {
    pub(crate) fn from_content_type(text: &[u8]) -> Self {
        match text {
            b"text/event-plain" => Self::Event(EventFormat::Plain),
            b"text/event-json" => Self::Event(EventFormat::Json),
            b"text/event-xml" => Self::Event(EventFormat::Xml),
            b"command/reply" => Self::CommandReply,
            b"api/response" => Self::ApiResponse,
            b"log/data" => Self::LogData,
            b"auth/request" => Self::AuthRequest,
            b"text/disconnect-notice" => Self::DisconnectNotice,
            b"text/rude-rejection" => Self::RudeRejection,
            b"" => Self::Untyped,
            _ => Self::Unknown,
        }
    }

    /// The frame answers a command.
    pub fn is_reply(self) -> bool {
        matches!(self, Self::CommandReply | Self::ApiResponse)
    }
}
