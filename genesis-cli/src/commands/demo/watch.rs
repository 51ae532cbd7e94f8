//! Following the events of all calls.

use std::collections::HashMap;

use genesis_client::proto::{Event, EventName, HangupCause};
use genesis_client::{EventStream, Item};

use super::broken;
use super::story::Teller;
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
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let mut live = HashMap::new();
    while tally.hung_up < calls {
        match events.next().await {
            Some(Item::Event(event)) => see(&event, &mut tally, &mut live, teller),
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

fn who(event: &Event) -> &'static str {
    let number = event.get("Caller-Destination-Number").unwrap_or_default();
    let known = ["1001", "1002", "1003", "1004"];
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
