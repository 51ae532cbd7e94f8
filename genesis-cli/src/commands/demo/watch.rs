//! Following the events of all calls.

use std::collections::HashMap;

use genesis_client::proto::{Event, EventName, HangupCause};
use genesis_client::{EventStream, Item};
use tokio::sync::watch;

use super::story::Teller;
use super::{CALLER, broken};
use crate::exit::Failure;

/// What the demo subscribes to.
pub(super) const EVENTS: &[EventName] = &[
    EventName::ChannelCreate,
    EventName::ChannelProgress,
    EventName::ChannelProgressMedia,
    EventName::ChannelAnswer,
    EventName::Dtmf,
    EventName::ChannelHangupComplete,
];

/// How far the events of 1004 have been told. The session waits for it, because its own connection
/// may be quicker than the one that the events come over, and the story would be out of order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    #[default]
    Nothing,
    EarlyMedia,
    Answered,
}

/// What became of the calls.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) events: u64,
    pub(super) calls: usize,
    pub(super) answered: usize,
    pub(super) busy: usize,
    pub(super) no_answer: usize,
    hung_up: usize,
}

impl Tally {
    /// The events say what the demo promises.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let seen = (self.calls, self.answered, self.busy, self.no_answer);
        match seen {
            (4, 2, 1, 1) => Ok(()),
            _ => Err(broken(format!(
                "the events tell of other calls than were made: {self:?}"
            ))),
        }
    }
}

struct Call {
    who: &'static str,
    created: f64,
    answered: Option<f64>,
}

/// Tells what the events say until `calls` calls are over.
pub(super) async fn follow(
    mut events: EventStream,
    calls: usize,
    teller: &Teller,
    told: &watch::Sender<Told>,
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let mut live = HashMap::new();
    while tally.hung_up < calls {
        match events.next().await {
            Some(Item::Event(event)) => {
                see(&event, &mut tally, &mut live, teller);
                if who(&event) == CALLER {
                    match event.name() {
                        EventName::ChannelProgressMedia => told.send_replace(Told::EarlyMedia),
                        EventName::ChannelAnswer => told.send_replace(Told::Answered),
                        _ => continue,
                    };
                }
            }
            Some(other) => return Err(broken(format!("events were lost: {other:?}"))),
            None => return Err(Failure::lost(events.close_reason().as_ref())),
        }
    }
    Ok(tally)
}

fn see(event: &Event, tally: &mut Tally, live: &mut HashMap<String, Call>, teller: &Teller) {
    tally.events += 1;
    let Some(uuid) = event.unique_id() else {
        return;
    };
    let now = teller.seconds();
    if event.name() == EventName::ChannelCreate {
        tally.calls += 1;
        let who = who(event);
        live.insert(
            uuid.to_string(),
            Call {
                who,
                created: now,
                answered: None,
            },
        );
        return;
    }
    let Some(call) = live.get_mut(uuid.as_ref()) else {
        return;
    };
    let text = match event.name() {
        EventName::ChannelProgress => "is ringing".to_owned(),
        EventName::ChannelProgressMedia => "sends early media".to_owned(),
        EventName::ChannelAnswer => {
            tally.answered += 1;
            call.answered = Some(now);
            format!("is answered after {:.1} s", now - call.created)
        }
        EventName::Dtmf => {
            let digit = event.get("DTMF-Digit").unwrap_or_default().into_owned();
            format!("presses {digit}")
        }
        EventName::ChannelHangupComplete => {
            tally.hung_up += 1;
            let cause = event.hangup_cause().unwrap_or(HangupCause::None);
            match cause {
                HangupCause::UserBusy => tally.busy += 1,
                HangupCause::NoAnswer => tally.no_answer += 1,
                _ => {}
            }
            let (what, since) = match call.answered {
                Some(answered) => ("talked", answered),
                None => ("was called", call.created),
            };
            format!(
                "is hung up, {} ({what} for {:.1} s)",
                in_words(&cause),
                now - since
            )
        }
        _ => return,
    };
    teller.tell(call.who, text);
}

/// The telephone at the other end: `1001` of the channel name `user/1001`.
fn who(event: &Event) -> &'static str {
    let channel = event.get("Channel-Name").unwrap_or_default();
    let number = channel.rsplit('/').next().unwrap_or_default();
    let known = ["1001", "1002", "1003", CALLER];
    known
        .into_iter()
        .find(|known| *known == number)
        .unwrap_or("?")
}

fn in_words(cause: &HangupCause) -> String {
    let words = match cause {
        HangupCause::NormalClearing => "normal end",
        HangupCause::UserBusy => "busy",
        HangupCause::NoAnswer => "no answer",
        _ => "failed",
    };
    format!("{words}: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_went_otherwise_fails_the_demo() {
        let promised = || Tally {
            calls: 4,
            answered: 2,
            busy: 1,
            no_answer: 1,
            ..Tally::default()
        };
        assert!(promised().check().is_ok());
        for other in [
            Tally {
                calls: 5,
                ..promised()
            },
            Tally {
                answered: 1,
                ..promised()
            },
            Tally {
                busy: 0,
                ..promised()
            },
            Tally {
                no_answer: 2,
                ..promised()
            },
        ] {
            assert!(other.check().is_err(), "{other:?}");
        }
    }
}
