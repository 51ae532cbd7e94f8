//! How sessions and commands end.

use std::fmt;

use crate::frame::Notice;
use crate::{Error, Headers};

/// What became of a command that got no reply because the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// No byte of it was given to the transport: the switch has not seen it.
    NotSent,
    /// It was sent, in whole or in part: the switch may or may not have run it.
    Unknown,
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client said `exit` and the switch answered.
    Exit,
    /// The switch refused the password or the user; its words.
    AuthenticationFailed(String),
    /// The switch's access list does not allow our address; its words.
    AccessDenied(String),
    /// The switch said why: shutdown, the channel's end, or that this listener was too slow.
    Notice(Notice),
    /// The stream ended without a word. `inside_frame`: in the middle of a frame.
    EndOfStream {
        /// The stream ended in the middle of a frame.
        inside_frame: bool,
    },
    /// The bytes could not be understood any further.
    Protocol(Error),
}

impl CloseReason {
    /// The switch will say the same next time: retrying alone does not help.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::AuthenticationFailed(_) | Self::AccessDenied(_))
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit => f.write_str("the client said exit"),
            Self::AuthenticationFailed(text) => write!(
                f,
                "FreeSWITCH refused the password ({text}): check the password in \
                 event_socket.conf.xml, or the user and its directory entry"
            ),
            Self::AccessDenied(text) => write!(
                f,
                "FreeSWITCH's access list does not allow this address ({text}): check apply-inbound-acl \
                 in event_socket.conf.xml"
            ),
            Self::Notice(notice) if notice.is_lost_events() => f.write_str(
                "FreeSWITCH killed this listener because it read too slowly and events were lost",
            ),
            Self::Notice(notice) if notice.text().is_empty() => {
                f.write_str("FreeSWITCH closed the connection with a notice that was cut off")
            }
            Self::Notice(notice) => {
                write!(f, "FreeSWITCH closed the connection: {}", notice.text())
            }
            Self::EndOfStream {
                inside_frame: false,
            } => f.write_str("the connection was closed without a notice"),
            Self::EndOfStream { inside_frame: true } => {
                f.write_str("the connection broke off in the middle of a frame")
            }
            Self::Protocol(error) => write!(f, "the stream cannot be understood: {error}"),
        }
    }
}

/// What a `userauth` user may do, as the switch tells it. `None` means no limit that is known: the
/// switch cuts a long answer off, and a list that was cut is not taken for the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Event names and subclasses.
    pub events: Option<Vec<String>>,
    /// Apis.
    pub api: Option<Vec<String>>,
    /// Whether the log may be followed.
    pub log: Option<bool>,
    /// The answer was cut off: there are limits that are not known.
    pub cut: bool,
}

impl Allowed {
    pub(crate) fn from_headers(headers: &Headers, cut: bool) -> Self {
        let list = |name: &str| {
            let value = headers.get(name)?;
            let words: Vec<String> = value
                .split([',', ' '])
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect();
            let unlimited = words.iter().any(|word| word.eq_ignore_ascii_case("all"));
            (!unlimited).then_some(words)
        };
        // the headers come in this order, so a list is whole when the next header is there
        let whole = |next: &str| !cut || headers.get(next).is_some();
        Self {
            events: list("Allowed-Events").filter(|_| whole("Allowed-API")),
            api: list("Allowed-API").filter(|_| whole("Allowed-LOG")),
            log: headers
                .get("Allowed-LOG")
                .filter(|_| !cut)
                .map(|value| value == "true"),
            cut,
        }
    }
}
