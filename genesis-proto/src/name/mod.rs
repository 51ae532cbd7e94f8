//! The vocabulary of the switch: event names, channel and call states, hangup causes.
//!
//! Values that this crate does not know are kept, not lost: a newer switch must not break an older
//! client.

mod channel;
mod event_name;
mod format;
mod hangup_cause;

pub use channel::{AnswerState, CallDirection, CallState, ChannelState};
pub use event_name::EventName;
pub use format::{EventFormat, LogLevel};
pub use hangup_cause::HangupCause;

macro_rules! serialize_as_str {
    ($name:ident) => {
        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
use serialize_as_str;
