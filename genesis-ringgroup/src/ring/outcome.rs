//! What became of each destination.

use std::fmt;
use std::time::Duration;

use genesis_client::proto::HangupCause;

/// What is hung up with it was given up by its caller.
pub(super) const GIVEN_UP: HangupCause = HangupCause::OriginatorCancel;

/// What became of one destination.
///
/// ```
/// use genesis_ringgroup::Outcome;
///
/// fn call_again(outcome: &Outcome) -> bool {
///     match outcome {
///         Outcome::TimedOut | Outcome::NotTried => true,
///         Outcome::Failed(cause) => cause.as_str() == "USER_BUSY",
///         _ => false,
///     }
/// }
/// # assert!(call_again(&Outcome::TimedOut) && !call_again(&Outcome::Answered));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It answered, and is the one.
    Answered,
    /// Somebody else answered first; it was hung up with the cause of the group, LOSE_RACE unless
    /// [`RingGroup::loser_cause`](super::RingGroup::loser_cause) says otherwise.
    Lost,
    /// It ended without an answer: busy, rejected, not registered, …
    Failed(HangupCause),
    /// It answered, and had hung up again before the answer could be told. `None`: the cause is not
    /// known, because the connection was away.
    HungUp(Option<HangupCause>),
    /// Its time, or that of the group, was up; it was hung up with NO_ANSWER.
    TimedOut,
    /// It had not had its turn yet when the ring ended.
    NotTried,
    /// The ring was given up, its caller hung up, or it failed; it was hung up with
    /// ORIGINATOR_CANCEL.
    Cancelled,
    /// It could not be called: what happened.
    Error(String),
}

impl Outcome {
    /// The hangup cause that goes with it: what the far end or the switch gave; NO_ANSWER if its time
    /// was up, ORIGINATOR_CANCEL if the ring was given up. Who lost was hung up with
    /// [the cause of the group](super::RingGroup::loser_cause), which is in [`Report::cause`].
    ///
    /// ```
    /// # use genesis_ringgroup::Outcome;
    /// use genesis_ringgroup::channel::client::proto::HangupCause;
    ///
    /// let busy = Outcome::Failed(HangupCause::UserBusy);
    /// assert_eq!(busy.cause(), Some(&HangupCause::UserBusy));
    /// assert_eq!(Outcome::TimedOut.cause(), Some(&HangupCause::NoAnswer));
    /// ```
    pub fn cause(&self) -> Option<&HangupCause> {
        match self {
            Self::Failed(cause) => Some(cause),
            Self::HungUp(cause) => cause.as_ref(),
            Self::TimedOut => Some(&HangupCause::NoAnswer),
            Self::Cancelled => Some(&HangupCause::OriginatorCancel),
            Self::Answered | Self::Lost | Self::NotTried | Self::Error(_) => None,
        }
    }

    /// The cause with which somebody is hung up who ends like this in a group of that cause for
    /// losers.
    pub(super) fn hangup_cause(&self, of_losers: &HangupCause) -> HangupCause {
        match self {
            Self::Lost => of_losers.clone(),
            other => other.cause().cloned().unwrap_or(GIVEN_UP),
        }
    }

    /// One word for tables and JSON: `answered`, `lost`, `failed`, `hung_up`, `timeout`,
    /// `not_tried`, `cancelled` or `error`.
    ///
    /// ```
    /// # use genesis_ringgroup::Outcome;
    /// # use genesis_ringgroup::channel::client::proto::HangupCause;
    /// let rejected = Outcome::Failed(HangupCause::CallRejected);
    /// assert_eq!(rejected.as_str(), "failed");
    /// assert_eq!(rejected.to_string(), "rejected the call (CALL_REJECTED)");
    /// ```
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Lost => "lost",
            Self::Failed(_) => "failed",
            Self::HungUp(_) => "hung_up",
            Self::TimedOut => "timeout",
            Self::NotTried => "not_tried",
            Self::Cancelled => "cancelled",
            Self::Error(_) => "error",
        }
    }
}

/// A few plain words: `busy (USER_BUSY)`.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => f.write_str("answered"),
            Self::Lost => f.write_str("hung up, another answered first"),
            Self::Failed(cause) => match words(cause) {
                Some(words) => write!(f, "{words} ({cause})"),
                None => write!(f, "failed ({cause})"),
            },
            Self::HungUp(Some(cause)) => write!(f, "answered and hung up at once ({cause})"),
            Self::HungUp(None) => f.write_str("answered and hung up at once"),
            Self::TimedOut => f.write_str("did not answer in time"),
            Self::NotTried => f.write_str("not tried"),
            Self::Cancelled => f.write_str("hung up, the ring was given up"),
            Self::Error(text) => write!(f, "could not be called: {text}"),
        }
    }
}

/// What a cause means to whoever placed the call.
fn words(cause: &HangupCause) -> Option<&'static str> {
    Some(match cause {
        HangupCause::UserBusy | HangupCause::BusyEverywhere => "busy",
        HangupCause::CallRejected
        | HangupCause::Decline
        | HangupCause::RejectAll
        | HangupCause::Unwanted => "rejected the call",
        HangupCause::UserNotRegistered | HangupCause::SubscriberAbsent => "not registered",
        HangupCause::NoAnswer | HangupCause::NoPickup => "did not answer",
        HangupCause::NoUserResponse
        | HangupCause::ProgressTimeout
        | HangupCause::RecoveryOnTimerExpire => "did not respond",
        HangupCause::UnallocatedNumber
        | HangupCause::DoesNotExistAnywhere
        | HangupCause::InvalidNumberFormat => "no such number",
        HangupCause::NoRouteDestination
        | HangupCause::NoRouteTransitNet
        | HangupCause::ExchangeRoutingError => "no route to it",
        HangupCause::InvalidGateway | HangupCause::InvalidProfile | HangupCause::InvalidUrl => {
            "no such gateway, profile or address"
        }
        HangupCause::ChanNotImplemented => "no such kind of endpoint",
        HangupCause::GatewayDown | HangupCause::NetworkOutOfOrder => "cannot be reached",
        HangupCause::DestinationOutOfOrder => "out of order, or over a limit of the switch",
        HangupCause::NormalTemporaryFailure
        | HangupCause::SwitchCongestion
        | HangupCause::NormalCircuitCongestion => "failed for now",
        HangupCause::IncompatibleDestination => "no common codec",
        HangupCause::NormalClearing => "hung up",
        HangupCause::OriginatorCancel | HangupCause::ManagerRequest | HangupCause::LoseRace => {
            "hung up from elsewhere"
        }
        _ => return None,
    })
}

/// What became of one destination, with times.
///
/// ```
/// use genesis_ringgroup::Report;
///
/// /// One line of a call record.
/// fn record(report: &Report) -> String {
///     let cause = report.cause.as_ref().map_or("", |cause| cause.as_str());
///     let seconds = report.duration.as_secs();
///     format!("{},{},{cause},{seconds}", report.dial_path, report.outcome.as_str())
/// }
/// # let _ = record;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Its place in the list of the group, from 0.
    pub index: usize,
    /// The endpoints of its dial string, without variables.
    pub dial_path: String,
    /// The Unique-IDs of its legs: the one that answered alone, else all that the dial string names.
    /// Empty if it was not called.
    pub uuids: Vec<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// The hangup cause: what the far end or the switch gave, else what it was hung up with
    /// (see [`Outcome`]). `None` for the one that answered, for those that were not called, and
    /// where it is not known.
    pub cause: Option<HangupCause>,
    /// How long after the start of the ring it was called; `None` if it was not.
    pub called_after: Option<Duration>,
    /// How long it was called, until its outcome.
    pub duration: Duration,
    /// It was chosen by the counts of this process alone, because the shared ones could not be
    /// reached.
    pub local_fallback: bool,
}

impl Report {
    pub(super) fn not_tried(index: usize, dial_path: &str) -> Self {
        Self {
            index,
            dial_path: dial_path.to_owned(),
            uuids: Vec::new(),
            outcome: Outcome::NotTried,
            cause: None,
            called_after: None,
            duration: Duration::ZERO,
            local_fallback: false,
        }
    }

    /// The Unique-ID: of the leg that answered, else of the first one.
    ///
    /// ```
    /// # fn example(ring: &genesis_ringgroup::Ring) {
    /// for report in ring.destinations() {
    ///     println!("{} {}", report.uuid().unwrap_or("not called"), report.dial_path);
    /// }
    /// # }
    /// ```
    pub fn uuid(&self) -> Option<&str> {
        self.uuids.first().map(String::as_str)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.dial_path, self.outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_told_in_plain_words() {
        let failed = |cause| Outcome::Failed(cause).to_string();
        assert_eq!(failed(HangupCause::UserBusy), "busy (USER_BUSY)");
        assert_eq!(
            failed(HangupCause::CallRejected),
            "rejected the call (CALL_REJECTED)"
        );
        assert_eq!(
            failed(HangupCause::UserNotRegistered),
            "not registered (USER_NOT_REGISTERED)"
        );
        assert_eq!(failed(HangupCause::Bowout), "failed (BOWOUT)");
    }
}
