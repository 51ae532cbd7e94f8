//! What can be waited for.

use genesis_proto::EventName;
use genesis_proto::name::{AnswerState, CallState, ChannelState};

/// What a wait waits for. Made from a state or an event name by `into()`.
///
/// ```no_run
/// # use std::time::Duration;
/// # use genesis_channel::Condition;
/// # use genesis_proto::EventName;
/// # use genesis_proto::name::CallState;
/// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
/// let milestones: [Condition; 2] = [CallState::Active.into(), EventName::ChannelBridge.into()];
/// for milestone in milestones {
///     channel.wait(milestone.clone(), Duration::from_secs(30)).await?;
///     println!("reached {milestone}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// `Channel-State`, for instance CS_EXECUTE.
    State(ChannelState),
    /// `Channel-Call-State`, for instance ACTIVE.
    CallState(CallState),
    /// `Answer-State`, for instance answered.
    AnswerState(AnswerState),
    /// An event of this name about the channel.
    Event(EventName),
}

impl Condition {
    /// What it is, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::State(_) => "state",
            Self::CallState(_) => "call_state",
            Self::AnswerState(_) => "answer_state",
            Self::Event(_) => "event",
        }
    }

    /// It comes with or after the end of the call, so the hangup does not end the wait for it.
    pub(crate) fn follows_hangup(&self) -> bool {
        match self {
            Self::State(state) => state.is_over(),
            Self::CallState(state) => *state == CallState::Hangup,
            Self::AnswerState(state) => *state == AnswerState::Hangup,
            Self::Event(name) => matches!(
                name,
                EventName::ChannelHangup
                    | EventName::ChannelHangupComplete
                    | EventName::ChannelDestroy
            ),
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::State(state) => state.fmt(f),
            Self::CallState(state) => state.fmt(f),
            Self::AnswerState(state) => state.fmt(f),
            Self::Event(name) => name.fmt(f),
        }
    }
}

impl From<ChannelState> for Condition {
    fn from(state: ChannelState) -> Self {
        Self::State(state)
    }
}

impl From<CallState> for Condition {
    fn from(state: CallState) -> Self {
        Self::CallState(state)
    }
}

impl From<AnswerState> for Condition {
    fn from(state: AnswerState) -> Self {
        Self::AnswerState(state)
    }
}

impl From<EventName> for Condition {
    fn from(name: EventName) -> Self {
        Self::Event(name)
    }
}
