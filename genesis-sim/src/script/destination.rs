//! How one destination behaves.

use std::time::Duration;

use genesis_proto::name::HangupCause;

/// How a call to a destination goes. All times count from the moment before: ringing from the
/// call, hanging up from the answer.
///
/// ```
/// use std::time::Duration;
/// use genesis_sim::script::Destination;
///
/// let phone = Destination {
///     hangup_after: Some(Duration::from_secs(5)),
///     digits: "123".to_owned(),
///     ..Destination::answer_after(Duration::from_secs(2))
/// };
/// assert!(phone.rings);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Whether it tells that it rings (CHANNEL_PROGRESS).
    pub rings: bool,
    /// Whether it sends early media (CHANNEL_PROGRESS_MEDIA).
    pub early_media: bool,
    /// Time until the outcome.
    pub after: Duration,
    /// What comes then.
    pub outcome: Outcome,
    /// Hangs up this long after it answered.
    pub hangup_after: Option<Duration>,
    /// With this cause. Default NORMAL_CLEARING.
    pub hangup_cause: HangupCause,
    /// Digits it presses after it answered, one each [`digit_gap`](Self::digit_gap).
    pub digits: String,
    /// Time before each digit. Default 500 ms.
    pub digit_gap: Duration,
}

/// How a call to a destination turns out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answers.
    Answer,
    /// It never answers; the caller gives up.
    NoAnswer,
    /// It hangs up with this cause.
    Fail(HangupCause),
    /// There is no channel at all: the endpoint refuses with this cause at once.
    Refuse(HangupCause),
}

impl Destination {
    fn new(outcome: Outcome) -> Self {
        Self {
            rings: false,
            early_media: false,
            after: Duration::ZERO,
            outcome,
            hangup_after: None,
            hangup_cause: HangupCause::NormalClearing,
            digits: String::new(),
            digit_gap: Duration::from_millis(500),
        }
    }

    /// Answers at once.
    pub fn answer() -> Self {
        Self::new(Outcome::Answer)
    }

    /// Rings, then answers.
    pub fn answer_after(ring: Duration) -> Self {
        Self {
            rings: true,
            after: ring,
            ..Self::new(Outcome::Answer)
        }
    }

    /// Fails with USER_BUSY.
    pub fn busy() -> Self {
        Self::fail(HangupCause::UserBusy)
    }

    /// Fails with CALL_REJECTED.
    pub fn reject() -> Self {
        Self::fail(HangupCause::CallRejected)
    }

    /// Rings and does not answer.
    pub fn no_answer() -> Self {
        Self {
            rings: true,
            ..Self::new(Outcome::NoAnswer)
        }
    }

    /// Nobody is registered: USER_NOT_REGISTERED without a channel.
    pub fn unregistered() -> Self {
        Self::refuse(HangupCause::UserNotRegistered)
    }

    /// Has a channel and fails with this cause.
    pub fn fail(cause: HangupCause) -> Self {
        Self::new(Outcome::Fail(cause))
    }

    /// Fails with this cause without a channel.
    pub fn refuse(cause: HangupCause) -> Self {
        Self::new(Outcome::Refuse(cause))
    }

    /// The outcome of this name: the words of a script file's `then` and of `sim/WORD`.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "answer" => Self::answer(),
            "busy" => Self::busy(),
            "no_answer" => Self::no_answer(),
            "reject" => Self::reject(),
            "unregistered" => Self::unregistered(),
            "fail" => Self::fail(HangupCause::NormalTemporaryFailure),
            _ => return None,
        })
    }

    /// The words of [`named`](Self::named).
    pub(crate) const WORDS: &str = "answer, busy, no_answer, reject, unregistered or fail";

    /// Sets one option, from a script file or after the `?` of `sim/…`. The error says what is
    /// allowed.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let time = || {
            duration(value).ok_or_else(|| {
                format!("{value:?} is not a time: write for example \"2s\", \"500ms\" or \"1m\"")
            })
        };
        let truth = || match value {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" => Ok(false),
            _ => Err(format!("{value:?} is neither true nor false")),
        };
        match key {
            "ring" | "after" => {
                self.after = time()?;
                self.rings = true;
            }
            "rings" => self.rings = truth()?,
            "early_media" => self.early_media = truth()?,
            "hangup_after" => self.hangup_after = Some(time()?),
            "hangup_cause" => self.hangup_cause = cause(value)?,
            "digits" => {
                let is_digit = |c: char| c.is_ascii_digit() || "*#ABCDabcd".contains(c);
                if let Some(bad) = value.chars().find(|&c| !is_digit(c)) {
                    return Err(format!("{bad:?} is no digit: 0-9, *, # and A-D are"));
                }
                self.digits = value.to_owned();
            }
            "digit_gap" => self.digit_gap = time()?,
            "cause" => {
                let cause = cause(value)?;
                match &mut self.outcome {
                    Outcome::Fail(place) | Outcome::Refuse(place) => *place = cause,
                    _ => return Err("only an outcome that fails has a cause".to_owned()),
                }
            }
            _ => {
                return Err(format!(
                    "there is no option {key:?}; allowed are {}",
                    Self::OPTIONS
                ));
            }
        }
        Ok(())
    }

    /// The keys of [`set`](Self::set).
    pub(crate) const OPTIONS: &str =
        "ring (or after), rings, early_media, hangup_after, hangup_cause, digits, digit_gap, cause";
}

fn cause(text: &str) -> Result<HangupCause, String> {
    match HangupCause::from(text) {
        HangupCause::Other(_) => Err(format!(
            "{text:?} is no hangup cause: write a name like USER_BUSY or a Q.850 number"
        )),
        cause => Ok(cause),
    }
}

/// `2s`, `500ms`, `1m`, or seconds without a unit.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let scale = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * scale).ok()
}
