//! What is known of a channel: folded from its events, never backwards.

use genesis_client::ChannelRow;
use genesis_proto::name::{AnswerState, CallState, ChannelState};
use genesis_proto::{Event, EventName, HangupCause};

use super::Condition;

/// What is known of a channel.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) state: Option<ChannelState>,
    pub(crate) call_state: Option<CallState>,
    pub(crate) answer_state: Option<AnswerState>,
    /// The last event that carried the channel's variables.
    pub(crate) data: Option<Event>,
    /// Set once, by the hangup.
    pub(crate) ended: Option<Ended>,
    /// Microseconds since 1970.
    pub(crate) created: u64,
    pub(crate) answered: u64,
    /// The newest event so far, by its number. An event that the switch made earlier and sent later
    /// says nothing of the present.
    sequence: u64,
    seen: Seen,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) cause: Option<HangupCause>,
}

/// Which events and states there have been, as bits by their place in the table of names.
#[derive(Default)]
struct Seen {
    events: u128,
    states: u16,
    call_states: u16,
    answer_states: u8,
}

impl State {
    /// Takes an event in and gives its name.
    pub(crate) fn fold(&mut self, event: &Event) -> EventName {
        // looked up in a copy, so that what is kept carries no index
        let headers = event.clone();
        let name = headers.name();
        if let Some(bit) = place(EventName::ALL_KNOWN, &name) {
            self.seen.events |= 1 << bit;
        }
        let sequence = headers.get("Event-Sequence").and_then(|n| n.parse().ok());
        let stale = sequence.is_some_and(|sequence: u64| sequence < self.sequence);
        let hangup = matches!(
            name,
            EventName::ChannelHangup | EventName::ChannelHangupComplete | EventName::ChannelDestroy
        );
        if hangup {
            let cause = headers.hangup_cause();
            match &mut self.ended {
                Some(ended) => ended.cause = ended.cause.take().or(cause),
                None => self.ended = Some(Ended { cause }),
            }
        }
        if !stale || hangup {
            self.sequence = sequence.unwrap_or(self.sequence).max(self.sequence);
            self.set_state(headers.channel_state());
            self.set_call_state(headers.call_state());
            self.set_answer_state(headers.answer_state());
            let time = |name| headers.get(name).and_then(|text| text.parse().ok());
            self.created = time("Caller-Channel-Created-Time").unwrap_or(self.created);
            let answered = time("Caller-Channel-Answered-Time").filter(|at| *at > 0);
            self.answered = answered.unwrap_or(self.answered);
            if carries_variables(&name) {
                self.data = Some(event.clone());
            }
        }
        if hangup {
            self.set_call_state(Some(CallState::Hangup));
            self.set_answer_state(Some(AnswerState::Hangup));
        }
        name
    }

    /// Takes a row of `show channels` in, read after the link was away.
    pub(crate) fn fold_row(&mut self, row: Option<&ChannelRow>) {
        let Some(row) = row else {
            if !self.was_created() {
                // it may still come
                return;
            }
            // what would have told of its end was not seen, and will not come
            for name in [
                EventName::ChannelHangup,
                EventName::ChannelHangupComplete,
                EventName::ChannelDestroy,
            ] {
                if let Some(bit) = place(EventName::ALL_KNOWN, &name) {
                    self.seen.events |= 1 << bit;
                }
            }
            self.ended.get_or_insert(Ended { cause: None });
            self.set_state(Some(ChannelState::Destroy));
            self.set_call_state(Some(CallState::Hangup));
            self.set_answer_state(Some(AnswerState::Hangup));
            return;
        };
        self.set_state(row.get("state").map(ChannelState::from));
        let call_state = row.get("callstate").map(CallState::from);
        if matches!(
            call_state,
            Some(CallState::Active | CallState::Held | CallState::Unheld)
        ) {
            self.set_answer_state(Some(AnswerState::Answered));
        }
        self.set_call_state(call_state);
    }

    fn set_state(&mut self, state: Option<ChannelState>) {
        let Some(state) = state else { return };
        let over = self.state.as_ref().is_some_and(ChannelState::is_over) || self.ended.is_some();
        let back =
            over && !(state.is_over() && self.state.as_ref().is_none_or(|now| *now <= state));
        if !back {
            if let Some(bit) = place(ChannelState::ALL_KNOWN, &state) {
                self.seen.states |= 1 << bit;
            }
            self.state = Some(state);
        }
    }

    fn set_call_state(&mut self, state: Option<CallState>) {
        let Some(state) = state else { return };
        if self.ended.is_some() && state != CallState::Hangup {
            return;
        }
        if let Some(bit) = place(CallState::ALL_KNOWN, &state) {
            self.seen.call_states |= 1 << bit;
        }
        self.call_state = Some(state);
    }

    fn set_answer_state(&mut self, state: Option<AnswerState>) {
        let Some(state) = state else { return };
        if self.ended.is_some() && state != AnswerState::Hangup {
            return;
        }
        if let Some(bit) = place(AnswerState::ALL_KNOWN, &state) {
            self.seen.answer_states |= 1 << bit;
        }
        self.answer_state = Some(state);
    }

    /// Nothing more will be heard of it.
    pub(crate) fn is_gone(&self) -> bool {
        self.ended.is_some() && self.state == Some(ChannelState::Destroy)
    }

    /// The channel exists, or has existed, as far as is known.
    pub(crate) fn was_created(&self) -> bool {
        self.state.is_some() || self.seen.events != 0
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.answer_state == Some(AnswerState::Answered) || self.answered > 0
    }

    /// It is so now.
    pub(crate) fn is(&self, condition: &Condition) -> bool {
        match condition {
            Condition::State(state) => self.state.as_ref() == Some(state),
            Condition::CallState(state) => self.call_state.as_ref() == Some(state),
            Condition::AnswerState(state) => self.answer_state.as_ref() == Some(state),
            Condition::Event(_) => false,
        }
    }

    /// It is so, or has been.
    pub(crate) fn has_been(&self, condition: &Condition) -> bool {
        let seen = match condition {
            Condition::State(state) => place(ChannelState::ALL_KNOWN, state)
                .is_some_and(|bit| self.seen.states & 1 << bit != 0),
            Condition::CallState(state) => place(CallState::ALL_KNOWN, state)
                .is_some_and(|bit| self.seen.call_states & 1 << bit != 0),
            Condition::AnswerState(state) => place(AnswerState::ALL_KNOWN, state)
                .is_some_and(|bit| self.seen.answer_states & 1 << bit != 0),
            Condition::Event(name) => place(EventName::ALL_KNOWN, name)
                .is_some_and(|bit| self.seen.events & 1 << bit != 0),
        };
        seen || self.is(condition)
    }
}

fn place<T: PartialEq>(all: &[T], one: &T) -> Option<usize> {
    all.iter().position(|other| other == one)
}

/// mod_event_socket sends what switch_channel.c puts into an event: these carry the state only.
fn carries_variables(name: &EventName) -> bool {
    !matches!(
        name,
        EventName::ChannelState
            | EventName::ChannelCallstate
            | EventName::Dtmf
            | EventName::Codec
            | EventName::Talk
            | EventName::Notalk
            | EventName::DetectedSpeech
            | EventName::PrivateCommand
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: EventName, sequence: u64, headers: &[(&str, &str)]) -> Event {
        let mut builder = Event::builder(name)
            .header("Event-Sequence", sequence.to_string())
            .unwrap();
        for (name, value) in headers {
            builder = builder.header(name, value).unwrap();
        }
        builder.build()
    }

    #[test]
    fn a_create_that_comes_after_the_hangup_changes_nothing() {
        let mut state = State::default();
        let cause = [
            ("Hangup-Cause", "USER_BUSY"),
            ("Channel-State", "CS_HANGUP"),
        ];
        state.fold(&event(EventName::ChannelHangup, 7, &cause));
        let new = [("Channel-State", "CS_INIT"), ("Answer-State", "ringing")];
        state.fold(&event(EventName::ChannelCreate, 3, &new));
        // numbers are no proof of order across threads
        state.fold(&event(EventName::ChannelCreate, 9, &new));
        assert_eq!(state.state, Some(ChannelState::Hangup));
        assert_eq!(state.answer_state, Some(AnswerState::Hangup));
        let cause = state.ended.as_ref().and_then(|ended| ended.cause.clone());
        assert_eq!(cause, Some(HangupCause::UserBusy));
        assert!(state.has_been(&EventName::ChannelCreate.into()));
        state.fold(&event(
            EventName::ChannelDestroy,
            11,
            &[("Channel-State", "CS_DESTROY")],
        ));
        assert_eq!(state.state, Some(ChannelState::Destroy));
    }

    #[test]
    fn an_event_made_earlier_and_sent_later_says_nothing_of_the_present() {
        let mut state = State::default();
        state.fold(&event(
            EventName::ChannelAnswer,
            20,
            &[("Channel-Call-State", "ACTIVE"), ("variable_a", "2")],
        ));
        state.fold(&event(
            EventName::ChannelProgress,
            19,
            &[("Channel-Call-State", "RINGING"), ("variable_a", "1")],
        ));
        assert_eq!(state.call_state, Some(CallState::Active));
        let data = state.data.as_ref().unwrap();
        assert_eq!(data.variable("a").as_deref(), Some("2"));
        assert!(state.has_been(&EventName::ChannelProgress.into()));
    }

    #[test]
    fn a_channel_that_the_switch_no_longer_shows_has_ended() {
        let mut state = State::default();
        state.fold(&event(
            EventName::ChannelCreate,
            1,
            &[("Channel-State", "CS_INIT")],
        ));
        state.fold_row(None);
        assert_eq!(state.ended, Some(Ended { cause: None }));
        // the cause is still taken when it comes
        let cause = [("Hangup-Cause", "NO_ANSWER")];
        state.fold(&event(EventName::ChannelHangupComplete, 2, &cause));
        let cause = state.ended.and_then(|ended| ended.cause);
        assert_eq!(cause, Some(HangupCause::NoAnswer));
    }
}
