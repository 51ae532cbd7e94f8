//! The ring group: a silent, a busy and an answering destination.

use std::time::Duration;

use genesis_client::Client;
use genesis_client::proto::HangupCause;
use genesis_ringgroup::{Destination, Outcome, RingEvent, RingGroup, RingStep};

use super::broken;
use super::story::Teller;
use crate::exit::Failure;

/// Does not answer, is busy, answers.
const PHONES: [&str; 3] = ["1001", "1002", "1003"];
/// Each rings so much later than the one before.
const DELAY: Duration = Duration::from_millis(200);
const MESSAGE: &str = "tone_stream://%(600,0,640)";

/// How the ring went.
#[derive(Debug)]
pub(super) struct Rang {
    pub(super) winner: &'static str,
    pub(super) after: Duration,
    /// Those who did not answer, and what became of them.
    pub(super) others: Vec<(&'static str, Outcome)>,
}

/// Rings the phones, plays a message to the one who answers, and hangs up.
pub(super) async fn ring(client: &Client, teller: &Teller) -> Result<Rang, Failure> {
    let phones = PHONES.iter().zip(0..);
    let group = RingGroup::new(
        phones.map(|(phone, place)| Destination::new(format!("user/{phone}")).delay(DELAY * place)),
    );
    teller.tell(
        "client",
        format!("rings {}; the first to answer wins", PHONES.join(", ")),
    );
    let mut ringing = group.start(client)?;
    while let Some(event) = ringing.next_event().await {
        tell(&event, teller)?;
    }
    let mut ring = ringing.await?;
    let channel = ring
        .channel()
        .cloned()
        .ok_or_else(|| broken(format!("nobody answered the ring group: {ring}")))?;
    ring.losers_gone().await?;
    teller.tell("1003", "hears a message");
    let played = channel.playback(MESSAGE).await?.complete().await?;
    let response = played.response().unwrap_or_default().into_owned();
    if response != "FILE PLAYED" {
        return Err(broken(format!("the message was not played: {response}")));
    }
    channel.hangup(HangupCause::NormalClearing).await?;
    channel.ended_with().await?;
    teller.tell("1003", "has heard the message to its end and is hung up");
    let outcomes = ring.destinations().iter().zip(PHONES);
    let rang = Rang {
        winner: "1003",
        after: ring.duration(),
        others: outcomes
            .map(|(report, phone)| (phone, report.outcome.clone()))
            .filter(|(_, outcome)| *outcome != Outcome::Answered)
            .collect(),
    };
    rang.check()?;
    Ok(rang)
}

fn tell(event: &RingEvent, teller: &Teller) -> Result<(), Failure> {
    let phone = PHONES
        .get(event.destination)
        .ok_or_else(|| broken(format!("an event of nobody: {event:?}")))?;
    let text = match &event.what {
        RingStep::Dialing { .. } => "is called".to_owned(),
        RingStep::Ringing => "rings".to_owned(),
        RingStep::Ended(Outcome::Answered) => "answers".to_owned(),
        RingStep::Ended(outcome) => format!("is over: {outcome}"),
        other => other.to_string(),
    };
    teller.tell(phone, text);
    Ok(())
}

impl Rang {
    /// It went as promised.
    fn check(&self) -> Result<(), Failure> {
        match self.others.as_slice() {
            [
                ("1001", Outcome::Lost),
                ("1002", Outcome::Failed(HangupCause::UserBusy)),
            ] => Ok(()),
            others => Err(broken(format!(
                "the ring group went otherwise than it should: {others:?}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_that_went_otherwise_fails_the_demo() {
        let rang = |others: Vec<(&'static str, Outcome)>| Rang {
            winner: "1003",
            after: Duration::ZERO,
            others,
        };
        let busy = ("1002", Outcome::Failed(HangupCause::UserBusy));
        assert!(
            rang(vec![("1001", Outcome::Lost), busy.clone()])
                .check()
                .is_ok()
        );
        for others in [
            vec![],
            vec![busy.clone()],
            vec![("1001", Outcome::TimedOut), busy.clone()],
            vec![("1001", Outcome::Lost), ("1002", Outcome::Lost)],
            vec![busy, ("1001", Outcome::Lost)],
        ] {
            assert!(rang(others.clone()).check().is_err(), "{others:?}");
        }
    }
}
