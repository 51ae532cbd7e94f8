//! States of channels and calls.

use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $($variant:ident = $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "each is the word it is named after")]
        pub enum $name {
            $($variant,)*
            /// A word that this crate does not know, as it came.
            Other(Box<str>),
        }

        impl $name {
            /// Every known value, in the switch's order.
            pub const ALL_KNOWN: &[Self] = &[$(Self::$variant,)*];

            /// The word as FreeSWITCH spells it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            /// Known words in any case; others are kept to the letter.
            fn from(text: &str) -> Self {
                let known = Self::ALL_KNOWN.iter().find(|w| w.as_str().eq_ignore_ascii_case(text));
                known.cloned().unwrap_or_else(|| Self::Other(text.into()))
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        super::serialize_as_str!($name);
    };
}

words! {
    /// `Channel-State` (switch_channel.c, `state_names`).
    ChannelState:
    New = "CS_NEW",
    Init = "CS_INIT",
    Routing = "CS_ROUTING",
    SoftExecute = "CS_SOFT_EXECUTE",
    Execute = "CS_EXECUTE",
    ExchangeMedia = "CS_EXCHANGE_MEDIA",
    Park = "CS_PARK",
    ConsumeMedia = "CS_CONSUME_MEDIA",
    Hibernate = "CS_HIBERNATE",
    Reset = "CS_RESET",
    Hangup = "CS_HANGUP",
    Reporting = "CS_REPORTING",
    Destroy = "CS_DESTROY",
    None = "CS_NONE",
}

impl ChannelState {
    /// `Channel-State-Number`; `None` for an unknown state.
    pub fn number(&self) -> Option<u8> {
        Self::ALL_KNOWN
            .iter()
            .position(|state| state == self)
            .and_then(|n| u8::try_from(n).ok())
    }

    /// The state with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL_KNOWN.get(usize::from(number)).cloned()
    }

    /// The channel hung up or is further on its way out (not `CS_NONE`, which is before its time).
    pub fn is_down(&self) -> bool {
        matches!(self, Self::Hangup | Self::Reporting | Self::Destroy)
    }
}

words! {
    /// `Channel-Call-State` (switch_channel.c, `CALLSTATE_CHART`).
    CallState:
    Down = "DOWN",
    Dialing = "DIALING",
    Ringing = "RINGING",
    Early = "EARLY",
    Active = "ACTIVE",
    Held = "HELD",
    RingWait = "RING_WAIT",
    Hangup = "HANGUP",
    Unheld = "UNHELD",
}

words! {
    /// `Answer-State` (switch_channel.c, `switch_channel_event_set_basic_data`).
    AnswerState:
    Hangup = "hangup",
    Answered = "answered",
    Early = "early",
    Ringing = "ringing",
}

words! {
    /// `Call-Direction`, as the switch sees it.
    CallDirection:
    Inbound = "inbound",
    Outbound = "outbound",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_the_numbers_of_the_switch() {
        assert_eq!(ChannelState::ALL_KNOWN.len(), 14);
        assert_eq!(CallState::ALL_KNOWN.len(), 9);
        assert_eq!(ChannelState::from("CS_EXECUTE").number(), Some(4));
        assert_eq!(ChannelState::from("CS_NONE").number(), Some(13));
        assert_eq!(ChannelState::from_number(10), Some(ChannelState::Hangup));
        assert_eq!(ChannelState::from("CS_NEWER").as_str(), "CS_NEWER");
        assert_eq!(CallState::from("ring_wait"), CallState::RingWait);
        assert_eq!(AnswerState::from("early"), AnswerState::Early);
    }
}
