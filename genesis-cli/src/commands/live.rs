//! What calls do, told as they do it.

use std::time::Instant;

use genesis_client::proto::HangupCause;

use crate::exit::Failure;
use crate::output::{Output, one_line, style};

/// Tells lines with the seconds since it was made. With `--json` it tells nothing: there is one
/// object at the end.
#[derive(Debug)]
pub(super) struct Live {
    start: Instant,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Seconds since the start, to the millisecond.
    pub(super) fn seconds(&self) -> f64 {
        rounded(self.start.elapsed().as_secs_f64())
    }

    /// Tells what a destination does.
    pub(super) fn tell(
        &self,
        destination: &str,
        style: anstyle::Style,
        text: &str,
        output: &mut Output,
    ) -> Result<(), Failure> {
        if output.json {
            return Ok(());
        }
        let (dim, style) = (output.style(style::DIM), output.style(style));
        output.line(&format!(
            "{dim}{:8.3} s{dim:#}  {}  {style}{text}{style:#}",
            self.seconds(),
            one_line(destination)
        ))?;
        output.flush()
    }
}

/// To the millisecond.
pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// A hangup cause as a telephony operator says it, and by its name.
pub(super) fn cause_in_words(cause: &HangupCause) -> String {
    let words = match cause {
        HangupCause::NormalClearing => "normal end",
        HangupCause::UserBusy | HangupCause::BusyEverywhere => "busy",
        HangupCause::NoAnswer | HangupCause::NoUserResponse => "no answer",
        HangupCause::CallRejected | HangupCause::Decline | HangupCause::RejectAll => "rejected",
        HangupCause::UserNotRegistered | HangupCause::SubscriberAbsent => "not registered",
        HangupCause::UnallocatedNumber | HangupCause::InvalidNumberFormat => "no such number",
        HangupCause::NoRouteDestination | HangupCause::NoRouteTransitNet => "no route",
        HangupCause::ChanNotImplemented => "no such endpoint",
        HangupCause::GatewayDown | HangupCause::InvalidGateway => "gateway not usable",
        HangupCause::OriginatorCancel => "cancelled",
        HangupCause::LoseRace => "another was quicker",
        HangupCause::PickedOff => "picked up elsewhere",
        HangupCause::AllottedTimeout => "out of time",
        _ => return cause.to_string(),
    };
    format!("{words} ({cause})")
}
