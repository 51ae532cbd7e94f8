//! What is known of each channel while they are being hung up.

use std::collections::HashMap;

/// What became of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// FreeSWITCH said so, with this cause.
    HungUp(Option<String>),
    /// It was there, and was gone when its turn came: the other leg took it along, for instance.
    AlreadyHungUp(Option<String>),
    NoSuchChannel,
    /// In FreeSWITCH's words.
    Refused(String),
    NotConfirmed,
}

/// What FreeSWITCH answered to the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The channel will hang up.
    Ok,
    /// It was there a moment ago.
    Gone,
    NoSuchChannel,
    Refused(String),
}

#[derive(Debug, Default)]
struct State {
    /// Its CHANNEL_HANGUP_COMPLETE came, with this cause.
    ended: Option<Option<String>>,
    answer: Option<Answer>,
}

/// The channels that nothing final is known of yet.
#[derive(Debug, Default)]
pub(super) struct Progress {
    order: Vec<String>,
    pending: HashMap<String, State>,
}

impl Progress {
    pub(super) fn new(uuids: Vec<String>) -> Self {
        let mut progress = Self::default();
        for uuid in uuids {
            if !progress.pending.contains_key(&uuid) {
                progress.order.push(uuid.clone());
                progress.pending.insert(uuid, State::default());
            }
        }
        progress
    }

    /// All channels, each once, as they were named.
    pub(super) fn uuids(&self) -> &[String] {
        &self.order
    }

    /// FreeSWITCH answered to the command. Gives the outcome once there is one.
    pub(super) fn answered(&mut self, uuid: &str, answer: Answer) -> Option<Outcome> {
        self.pending.get_mut(uuid)?.answer = Some(answer);
        self.decide(uuid)
    }

    /// FreeSWITCH said that the channel hung up. Gives the outcome once there is one.
    pub(super) fn ended(&mut self, uuid: &str, cause: Option<String>) -> Option<Outcome> {
        self.pending.get_mut(uuid)?.ended = Some(cause);
        self.decide(uuid)
    }

    fn decide(&mut self, uuid: &str) -> Option<Outcome> {
        let state = self.pending.get(uuid)?;
        let outcome = match (state.answer.clone()?, state.ended.clone()) {
            (Answer::Ok, ended) => Outcome::HungUp(ended?),
            (Answer::Gone, ended) => Outcome::AlreadyHungUp(ended?),
            (Answer::NoSuchChannel, None) => Outcome::NoSuchChannel,
            (Answer::NoSuchChannel, Some(cause)) => Outcome::AlreadyHungUp(cause),
            (Answer::Refused(text), _) => Outcome::Refused(text),
        };
        self.pending.remove(uuid);
        Some(outcome)
    }

    /// Whether there is something to wait for. A channel that was gone already may have said so
    /// before we listened, so it is not waited for.
    pub(super) fn waits(&self) -> bool {
        let mut pending = self.pending.values();
        pending.any(|state| state.answer != Some(Answer::Gone))
    }

    /// What becomes of the channels that are left.
    pub(super) fn rest(&mut self) -> Vec<(String, Outcome)> {
        let pending = &mut self.pending;
        let left = self.order.iter().filter_map(|uuid| {
            let outcome = match pending.remove(uuid)?.answer {
                Some(Answer::Gone) => Outcome::AlreadyHungUp(None),
                _ => Outcome::NotConfirmed,
            };
            Some((uuid.clone(), outcome))
        });
        left.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        Progress::new(vec!["a".to_owned(), "b".to_owned(), "a".to_owned()])
    }

    fn cause() -> Option<String> {
        Some("USER_BUSY".to_owned())
    }

    #[test]
    fn hung_up_is_said_when_both_the_answer_and_the_event_came() {
        let mut progress = progress();
        assert_eq!(progress.uuids().len(), 2);
        assert_eq!(progress.answered("a", Answer::Ok), None);
        assert!(progress.waits());
        assert_eq!(progress.ended("a", cause()), Some(Outcome::HungUp(cause())));
        assert_eq!(progress.ended("b", cause()), None);
        assert_eq!(
            progress.answered("b", Answer::Ok),
            Some(Outcome::HungUp(cause()))
        );
        assert!(!progress.waits());
        assert_eq!(progress.rest(), []);
        assert_eq!(progress.ended("somebody else", cause()), None);
    }

    #[test]
    fn a_leg_that_the_other_took_along_is_not_waited_for() {
        let mut progress = progress();
        assert_eq!(progress.answered("a", Answer::Gone), None);
        assert_eq!(progress.answered("b", Answer::Gone), None);
        assert!(!progress.waits());
        assert_eq!(
            progress.ended("b", cause()),
            Some(Outcome::AlreadyHungUp(cause()))
        );
        assert_eq!(
            progress.rest(),
            [("a".to_owned(), Outcome::AlreadyHungUp(None))]
        );
    }

    #[test]
    fn what_is_left_was_not_confirmed() {
        let mut progress = progress();
        progress.answered("b", Answer::Ok);
        assert!(progress.waits());
        assert_eq!(
            progress.rest(),
            [
                ("a".to_owned(), Outcome::NotConfirmed),
                ("b".to_owned(), Outcome::NotConfirmed)
            ]
        );
    }
}
