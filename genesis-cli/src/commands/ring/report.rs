//! What became of a ring, as `--json` tells it.

use genesis_client::proto::HangupCause;
use genesis_ringgroup::{Outcome, Ring, RingEvent, RingStep};
use serde::Serialize;

/// The one object.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) result: &'static str,
    uuid: Option<String>,
    dial_path: Option<String>,
    /// Seconds that it rang.
    pub(super) duration: f64,
    destinations: Vec<Row>,
    /// Seconds from the answer to the end of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) talked: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Row {
    dial_path: String,
    outcome: &'static str,
    cause: Option<String>,
}

impl Row {
    fn set(&mut self, outcome: &Outcome) {
        self.outcome = outcome.as_str();
        self.cause = match outcome {
            // hung up by us, with this
            Outcome::Lost | Outcome::TimedOut | Outcome::Cancelled => {
                Some(HangupCause::LoseRace.to_string())
            }
            outcome => outcome.cause().map(ToString::to_string),
        };
    }
}

impl Report {
    pub(super) fn new(destinations: &[String]) -> Self {
        let row = |dial_path: &String| Row {
            dial_path: dial_path.clone(),
            outcome: Outcome::NotTried.as_str(),
            cause: None,
        };
        Self {
            destinations: destinations.iter().map(row).collect(),
            ..Self::default()
        }
    }

    /// Takes over what a destination did. Whoever is being called when the ring is given up, or
    /// fails, is hung up.
    pub(super) fn see(&mut self, event: &RingEvent) {
        let Some(row) = self.destinations.get_mut(event.destination) else {
            return;
        };
        match &event.what {
            RingStep::Ended(outcome) => row.set(outcome),
            _ => row.set(&Outcome::Cancelled),
        }
    }

    /// Takes over the result.
    pub(super) fn decide(&mut self, ring: &Ring) {
        self.result = match ring.is_answered() {
            true => "answered",
            false => "no_answer",
        };
        self.uuid = ring.channel().map(|channel| channel.uuid().to_owned());
        self.dial_path = ring.answered_by().map(|winner| winner.dial_path.clone());
        for report in ring.destinations() {
            if let Some(row) = self.destinations.get_mut(report.index) {
                row.set(&report.outcome);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_told_by_a_word_and_their_cause() {
        let row = |outcome: Outcome| {
            let mut row = Report::new(&["user/1".to_owned()]).destinations.remove(0);
            row.set(&outcome);
            (row.outcome, row.cause)
        };
        let cause = |name: &str| Some(name.to_owned());
        assert_eq!(row(Outcome::Answered), ("answered", None));
        assert_eq!(row(Outcome::Lost), ("lost", cause("LOSE_RACE")));
        assert_eq!(
            row(Outcome::Failed(HangupCause::UserBusy)),
            ("failed", cause("USER_BUSY"))
        );
        assert_eq!(row(Outcome::NotTried), ("not_tried", None));
    }
}
