//! Collecting digits.

use std::time::Duration;

use genesis_proto::command::arguments;
use regex::Regex;

use super::media::{Played, play};
use crate::switch::session::Session;
use crate::switch::wait::{Stop, Wait};

/// What is to be collected.
struct Collect<'a> {
    min: usize,
    max: usize,
    file: &'a str,
    /// For the first digit.
    timeout: Duration,
    /// For each further digit.
    digit_timeout: Duration,
    terminators: &'a str,
}

/// What was collected.
struct Collected {
    digits: String,
    terminator: Option<char>,
    interrupted: bool,
}

/// switch_ivr_play_say.c, `switch_ivr_read`: the file stops at the first digit.
async fn collect(session: &Session, collect: &Collect<'_>) -> Collected {
    let mut out = Collected {
        digits: String::new(),
        terminator: None,
        interrupted: false,
    };
    let mut first = None;
    if !collect.file.is_empty() && collect.file != "silence" {
        match play(session, collect.file, |_| true).await {
            Played::Digit(digit) => first = Some(digit),
            Played::Interrupted => {
                out.interrupted = true;
                return out;
            }
            _ => {}
        }
    }
    loop {
        let digit = match first.take() {
            Some(digit) => digit,
            None => {
                let first = out.digits.is_empty();
                let time = if first {
                    collect.timeout
                } else {
                    collect.digit_timeout
                };
                match session.wait(&mut Wait::new(Some(time)).for_digits()).await {
                    Stop::Digit(digit) => digit,
                    Stop::Interrupted => {
                        out.interrupted = true;
                        return out;
                    }
                    Stop::Elapsed | Stop::Watched | Stop::Broken => return out,
                }
            }
        };
        if collect.terminators.contains(digit) {
            out.terminator = Some(digit);
            return out;
        }
        out.digits.push(digit);
        if out.digits.len() >= collect.max {
            return out;
        }
    }
}

/// `read min max file variable timeout terminators [digit_timeout]`.
pub(super) async fn read(session: &Session, arg: &str) {
    let words = arguments(arg, 7);
    let word = |at: usize| words.get(at).map(String::as_str).unwrap_or_default();
    let timeout = ms(word(4), 1000);
    let spec = Collect {
        min: word(0).parse().unwrap_or(0),
        max: word(1).parse().unwrap_or(128).clamp(1, 128),
        file: word(2),
        timeout,
        digit_timeout: word(6).parse().map_or(timeout, Duration::from_millis),
        terminators: terminators(word(5)),
    };
    let got = collect(session, &spec).await;
    let result = match (got.interrupted, got.digits.len() >= spec.min.max(1)) {
        (true, _) => "failure",
        (false, true) => "success",
        (false, false) => "timeout",
    };
    session.channel.update(|data| {
        if !word(3).is_empty() {
            data.set_variable(word(3), &got.digits);
        }
        let used = got.terminator.map(String::from).unwrap_or_default();
        data.set_variable("read_terminator_used", &used);
        data.set_variable("read_result", result);
    });
}

/// `play_and_get_digits min max tries timeout terminators file invalid_file [variable [regexp
/// [digit_timeout [failure_extension]]]]` (switch_ivr_play_say.c,
/// `switch_play_and_get_digits`).
pub(super) async fn play_and_get_digits(session: &Session, arg: &str) {
    let words = arguments(arg, 11);
    let word = |at: usize| words.get(at).map(String::as_str).unwrap_or_default();
    let timeout = ms(word(3), 5000);
    let spec = Collect {
        min: word(0).parse().unwrap_or(0),
        max: word(1).parse().unwrap_or(1).clamp(1, 128),
        file: word(5),
        timeout,
        digit_timeout: word(9).parse().map_or(timeout, Duration::from_millis),
        terminators: terminators(word(4)),
    };
    let pattern = match word(8) {
        "" => None,
        text => Regex::new(text).ok(),
    };
    let variable = word(7);
    if !variable.is_empty() && pattern.is_some() {
        let invalid = format!("{variable}_invalid");
        session.channel.set_variable(&invalid, "");
    }
    for _ in 0..word(2).parse::<u32>().unwrap_or(1).clamp(1, 100) {
        let got = collect(session, &spec).await;
        let long_enough = got.digits.len() >= spec.min;
        let fits = pattern
            .as_ref()
            .is_none_or(|pattern| pattern.is_match(&got.digits));
        session.channel.update(|data| {
            let used = got.terminator.map(String::from).unwrap_or_default();
            data.set_variable("read_terminator_used", &used);
            let result = match (got.interrupted, long_enough) {
                (true, _) => "failure",
                (false, true) => "success",
                (false, false) => "timeout",
            };
            data.set_variable("read_result", result);
            if !variable.is_empty() {
                data.set_variable(variable, if long_enough && fits { &got.digits } else { "" });
                // a later try without a digit leaves what an earlier one set
                if long_enough && !fits && !got.digits.is_empty() {
                    data.set_variable(&format!("{variable}_invalid"), &got.digits);
                }
            }
        });
        if got.interrupted || (long_enough && fits && !got.digits.is_empty()) {
            return;
        }
        if !word(6).is_empty() && play(session, word(6), |_| true).await == Played::Interrupted {
            return;
        }
    }
    let failure = arguments(word(10), 3);
    if let Some(extension) = failure.first() {
        let word = |at: usize, or| failure.get(at).map_or(or, String::as_str);
        session.transfer(extension, word(1, "XML"), word(2, "default"));
    }
}

fn terminators(word: &str) -> &str {
    if word == "none" { "" } else { word }
}

fn ms(word: &str, default: u64) -> Duration {
    Duration::from_millis(word.parse().unwrap_or(default))
}
