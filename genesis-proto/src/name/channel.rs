//! The states of a channel and the direction of its call.

use super::table::{keep_unknown, wire_names};

wire_names! {
    /// The state of a channel's state machine: the value of `Channel-State` (switch_channel.c,
    /// `state_names`).
    ///
    /// Ordered as the switch numbers them, so a channel is over when its state is at least
    /// [`Hangup`](ChannelState::Hangup) and below [`None`](ChannelState::None):
    ///
    /// ```
    /// use genesis_proto::name::ChannelState;
    ///
    /// let state = ChannelState::from("CS_EXECUTE");
    /// assert_eq!(state.number(), Some(4));
    /// assert!(state < ChannelState::Hangup);
    /// assert_eq!(ChannelState::from_number(12), Some(ChannelState::Destroy));
    /// ```
    pub enum ChannelState {
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
}

impl ChannelState {
    /// The value of `Channel-State-Number`; nothing for a state that is not known.
    #[must_use]
    pub fn number(&self) -> Option<u8> {
        let at = Self::ALL_KNOWN.iter().position(|state| state == self)?;
        u8::try_from(at).ok()
    }

    /// The state with this `Channel-State-Number`.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL_KNOWN.get(usize::from(number)).cloned()
    }

    /// Whether the call on this channel is over: `CS_HANGUP`, `CS_REPORTING` or `CS_DESTROY`.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Hangup | Self::Reporting | Self::Destroy)
    }
}

wire_names! {
    /// The state of the call as a person sees it: the value of `Channel-Call-State`
    /// (switch_channel.c, `CALLSTATE_CHART`).
    ///
    /// ```
    /// use genesis_proto::name::CallState;
    ///
    /// assert_eq!(CallState::from("RING_WAIT"), CallState::RingWait);
    /// assert_eq!(CallState::Active.as_str(), "ACTIVE");
    /// ```
    pub enum CallState {
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
}

wire_names! {
    /// The value of `Answer-State` (switch_channel.c, `switch_channel_event_set_basic_data`).
    ///
    /// ```
    /// use genesis_proto::name::AnswerState;
    ///
    /// assert_eq!(AnswerState::from("answered"), AnswerState::Answered);
    /// ```
    pub enum AnswerState {
        Hangup = "hangup",
        Answered = "answered",
        Early = "early",
        Ringing = "ringing",
    }
}

wire_names! {
    /// Who started the call, seen from the switch: the value of `Call-Direction`.
    ///
    /// ```
    /// use genesis_proto::name::CallDirection;
    ///
    /// assert_eq!(CallDirection::from("outbound"), CallDirection::Outbound);
    /// ```
    pub enum CallDirection {
        /// somebody called the switch.
        Inbound = "inbound",
        /// the switch called somebody.
        Outbound = "outbound",
    }
}

keep_unknown!(ChannelState, CallState, AnswerState, CallDirection);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_states_have_the_numbers_of_the_switch() {
        let expected = [
            ("CS_NEW", 0),
            ("CS_INIT", 1),
            ("CS_ROUTING", 2),
            ("CS_SOFT_EXECUTE", 3),
            ("CS_EXECUTE", 4),
            ("CS_EXCHANGE_MEDIA", 5),
            ("CS_PARK", 6),
            ("CS_CONSUME_MEDIA", 7),
            ("CS_HIBERNATE", 8),
            ("CS_RESET", 9),
            ("CS_HANGUP", 10),
            ("CS_REPORTING", 11),
            ("CS_DESTROY", 12),
            ("CS_NONE", 13),
        ];
        assert_eq!(ChannelState::ALL_KNOWN.len(), expected.len());
        for (text, number) in expected {
            let state = ChannelState::from(text);
            assert_eq!(state.number(), Some(number));
            assert_eq!(ChannelState::from_number(number), Some(state.clone()));
            assert_eq!(state.as_str(), text);
        }
        assert_eq!(ChannelState::from_number(14), None);
        assert!(ChannelState::ALL_KNOWN.is_sorted());
    }

    #[test]
    fn unknown_states_are_kept() {
        let state = ChannelState::from("CS_DREAMING");
        assert_eq!((state.as_str(), state.number()), ("CS_DREAMING", None));
        assert!(!state.is_over());
        assert_eq!(CallState::from("MOVING").as_str(), "MOVING");
        assert_eq!(AnswerState::from("maybe").as_str(), "maybe");
        assert_eq!(CallDirection::from("sideways").as_str(), "sideways");
    }

    #[test]
    fn counts_of_the_switch() {
        assert_eq!(CallState::ALL_KNOWN.len(), 9);
        assert_eq!(AnswerState::ALL_KNOWN.len(), 4);
        assert_eq!(CallDirection::ALL_KNOWN.len(), 2);
        let over: Vec<_> = ChannelState::ALL_KNOWN
            .iter()
            .filter(|state| state.is_over())
            .collect();
        assert_eq!(
            over,
            [
                &ChannelState::Hangup,
                &ChannelState::Reporting,
                &ChannelState::Destroy
            ]
        );
    }
}
