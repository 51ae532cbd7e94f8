//! The names that FreeSWITCH puts on the wire: events, states, causes.
//!
//! Reading never fails where the text comes from the switch: a value that this version does not
//! know is kept as `Other` with its text, so that a newer switch loses nothing.
//!
//! ```
//! use genesis_proto::name::{ChannelState, EventName, HangupCause};
//!
//! assert_eq!(EventName::from("channel_answer"), EventName::ChannelAnswer);
//! assert_eq!(EventName::from("CHANNEL_SHINY").as_str(), "CHANNEL_SHINY");
//! assert!(ChannelState::Execute < ChannelState::Hangup);
//! assert_eq!(HangupCause::UserBusy.code(), 17);
//! ```

mod channel;
mod event_name;
mod hangup_cause;
mod option;
mod table;

pub use channel::{AnswerState, CallDirection, CallState, ChannelState};
pub use event_name::EventName;
pub use hangup_cause::HangupCause;
pub use option::{EventFormat, LogLevel};
pub use table::Unknown;
