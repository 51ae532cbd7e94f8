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
    /// Unique-IDs of legs that nobody could hang up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) may_still_ring: Vec<String>,
    /// The Unique-ID of the answered call, when it was to be hung up and nobody can say that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) still_up: Option<String>,
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
        let cause = match outcome {
            // the cause of a group that chose no other
            Outcome::Lost => Some(&HangupCause::LoseRace),
            outcome => outcome.cause(),
        };
        self.cause = cause.map(ToString::to_string);
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

    /// The Unique-ID of an answered call that goes on.
    pub(super) fn up(&self) -> Option<&str> {
        match self.talked {
            None => self.uuid.as_deref(),
            Some(_) => None,
        }
    }

    /// Of some calls nobody knows whether they are over.
    pub(super) fn is_uncertain(&self) -> bool {
        self.still_up.is_some() || !self.may_still_ring.is_empty()
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

/// Whether we hang up who ends like this, so that it may ring a moment longer.
pub(super) fn is_hung_up_by_us(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Lost | Outcome::TimedOut | Outcome::Cancelled
    )
}

/// The Unique-IDs of those who did not win and had to be hung up.
pub(super) fn not_won(ring: &Ring) -> Vec<String> {
    let reports = ring.destinations().iter();
    let rang = reports.filter(|report| is_hung_up_by_us(&report.outcome));
    rang.flat_map(|report| report.uuids.iter().cloned())
        .collect()
}

/// The most destinations of which a line says what became of each.
const LISTED: usize = 10;

/// A line that says what became of those who were called.
pub(super) fn nobody_answered(ring: &Ring) -> String {
    let outcomes = ring.destinations().iter();
    summary(outcomes.map(|report| (&*report.dial_path, &report.outcome)))
}

fn summary<'a>(outcomes: impl Iterator<Item = (&'a str, &'a Outcome)>) -> String {
    let mut parts = Vec::new();
    let (mut more, mut not_tried) = (0, 0);
    for (dial_path, outcome) in outcomes {
        match outcome {
            Outcome::NotTried => not_tried += 1,
            _ if parts.len() < LISTED => parts.push(format!("{dial_path} {outcome}")),
            _ => more += 1,
        }
    }
    if more > 0 {
        parts.push(format!("{more} more were called"));
    }
    if not_tried > 0 {
        parts.push(format!("{not_tried} not tried"));
    }
    format!("nobody answered: {}", parts.join(", "))
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
        assert_eq!(row(Outcome::TimedOut), ("timeout", cause("NO_ANSWER")));
        assert_eq!(
            row(Outcome::Cancelled),
            ("cancelled", cause("ORIGINATOR_CANCEL"))
        );
    }

    #[test]
    fn a_long_list_is_counted() {
        let failed = Outcome::Failed(HangupCause::UserBusy);
        let few = [("a", &failed), ("b", &Outcome::NotTried)];
        assert_eq!(
            summary(few.into_iter()),
            "nobody answered: a busy (USER_BUSY), 1 not tried"
        );
        let many = std::iter::repeat_n(("a", &failed), 12);
        let many = many.chain(std::iter::repeat_n(("b", &Outcome::NotTried), 300));
        let text = summary(many);
        assert!(
            text.ends_with(", a busy (USER_BUSY), 2 more were called, 300 not tried"),
            "{text}"
        );
        assert_eq!(text.matches("USER_BUSY").count(), LISTED);
    }
}
